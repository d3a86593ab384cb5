/** What the generated pages are made of. */

/** Said at the head of each, so that nobody edits one by hand. */
export function head(title: string, from: string): string {
  return `<!-- Made by \`npm run docs\` from ${from}; a change here is lost. -->\n\n# ${title}\n`;
}

/** No rows, no table. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return '';
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`.replaceAll('|  |', '| |');
  return [line(header), `|${'---|'.repeat(header.length)}`, ...rows.map(line)].join('\n');
}

export function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** Blank lines between, none where there is nothing. */
export function page(...parts: readonly string[]): string {
  return `${parts.map((part) => part.trim()).filter((part) => part !== '').join('\n\n')}\n`;
}

/** As GitHub names the anchor of a heading. */
export function anchor(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\- _]/gu, '').replaceAll(' ', '-');
}

/** One line: a table has no others. */
function cell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ').replaceAll(/(?<!\\)\|/g, '\\|').trim();
}

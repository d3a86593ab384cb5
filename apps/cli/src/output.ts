/** `-o`: how a command shows what it found. */
import { stringify } from 'yaml';

export type Output = 'table' | 'json' | 'yaml';

/** The whole of an answer, with its line end. @param text for people */
export function shownAs(output: Output, value: unknown, text: () => string): string {
  if (output === 'table') return text();
  return output === 'json' ? `${JSON.stringify(value, null, 2)}\n` : stringify(value);
}

/** One of many that come one after the other: a line of JSON, or a YAML document. */
export function shownInStream(output: Output, value: unknown, text: () => string): string {
  if (output === 'table') return `${text()}\n`;
  return output === 'json' ? `${JSON.stringify(value)}\n` : `---\n${stringify(value)}`;
}

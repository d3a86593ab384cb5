/** What a page shows against what came: times, names of this machine and the like may differ, and `…` stands for anything. */

const ALIKE: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g, '<time>'],
  [/\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}/g, '<time>'],
  [/[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT/g, '<date>'],
  [/\/[0-9a-z]{8,}-[0-9a-z]+/g, '/<id>'],
  [/\b[0-9.]+ ms\b/g, '<ms>'],
  [/\b\d+\.\d+ s\b/g, '<s>'],
  [/\b\d+(?:\.\d+)? calls\/s/g, '<rate>'],
  [/\bcontrol \d+\b/g, 'control <n>'],
  [/\bretry-after: \d+/g, 'retry-after: <n>'],
  // Of documents with ports of this machine.
  [/(version|→) [0-9a-f]{12}\b/g, '$1 <version>'],
  // Columns are as wide as what is in them.
  [/ {2,}/g, '  '],
  [/ +$/gm, ''],
];

export interface Shown {
  /** All numbers are alike. */
  readonly anyNumbers: boolean;
}

export function alike(text: string, { anyNumbers }: Shown): string {
  const named = ALIKE.reduce((so, [pattern, name]) => so.replaceAll(pattern, name), text.trim());
  return anyNumbers ? named.replaceAll(/\b\d+(?:\.\d+)?(?:ms|s|m)\b/g, '<duration>').replaceAll(/\d+(?:\.\d+)?/g, '0').replaceAll(/[▁▂▃▄▅▆▇█· ]{3,}/g, ' ') : named;
}

/** `came` in the words of the page where `…` there covers the difference; else as it came. */
export function elided(shown: string, came: string): string {
  const pattern = shown.split('\n').map((line) => (line === '…' ? '[^]*?' : line.split('…').map((part) => escaped(part)).join('.*'))).join('\n').replaceAll('[^]*?\n', '(?:[^]*?\n)?').replaceAll('\n[^]*?', '(?:\n[^]*?)?');
  return new RegExp(`^${pattern}$`).test(came) ? shown : came;
}

export function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

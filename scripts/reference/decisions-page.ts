/** docs/decisions/README.md: the title of each record. */
import { head, page, table } from './markdown.ts';

const INTRODUCTION = `Each in half a page: what it was about, what was decided, what follows from it. A number that is missing was given to nothing.`;

/** @param texts by the file's name */
export function decisionsPage(texts: ReadonlyMap<string, string>): string {
  const rows = Array.from(texts, ([name, text]) => {
    const [, number = '', title = ''] = /^# (\d{4})[.:]? (.+)$/m.exec(text) ?? [];
    if (title === '') throw new Error(`docs/decisions/${name} has no title "# 0000 …"`);
    return [`[${number}](${name})`, title];
  });
  return page(head('Decisions', 'the records here'), INTRODUCTION, table(['', 'decision'], rows));
}

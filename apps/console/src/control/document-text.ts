/** A document as it is given back: to the byte where its operator's text was kept, else as YAML of what it says. */
import { stringify } from 'yaml';
import type { Applied } from './control-book.ts';

/** YAML's own line breaks in long strings would make them differ in nothing but looks. */
const NO_FOLDING = { lineWidth: 0 } as const;

export function documentText({ document, written }: Applied): string {
  return written ?? stringify(document.body, NO_FOLDING);
}

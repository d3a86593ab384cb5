/** One document out of a text, YAML or JSON. */
import type { Document } from '#engine';
import { readDirectory, type Problem } from '#wire';

const PROBLEMS_SHOWN_MAX = 20;

type NoPlace = Pick<Problem, 'path' | 'message'> & Partial<Pick<Problem, 'line' | 'column'>>;

export function readOne(text: string): { readonly document: Document; readonly warnings: readonly string[] } | { readonly problems: readonly NoPlace[] } {
  const [reading] = readDirectory([{ file: 'document', text }]);
  if (reading === undefined) throw new Error('one file gives one reading');
  if ('problems' in reading) return { problems: reading.problems };
  const [document, ...others] = reading.documents;
  if (document === undefined || others.length > 0) {
    return { problems: [{ path: 'document', message: `found ${reading.documents.length} documents; allowed: one` }] };
  }
  return { document, warnings: reading.warnings.map(({ path, message }) => `${path}: ${message}`) };
}

/** Each begins with its field's path. */
export function problemsOf(problems: readonly NoPlace[]): string {
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX).map(({ path, message, line, column }) => {
    const place = line === undefined ? '' : ` (line ${line}, column ${column ?? 1})`;
    return `${path === '' ? 'document' : path}: ${message}${place}`;
  });
  return shown.join('; ');
}

/** Outcome records as JSON lines, such as `kcat -C -t fuseboard.outcomes` prints them, read as production reads its log. */
import { OutcomeScanner, decodeEntry } from '#wire';
import type { LineReader } from './reading.ts';

const scanner = new OutcomeScanner();

export const readOutcomeLine: LineReader = (bytes, start, end) => {
  const scanned = scanner.read(bytes, start, end);
  if (scanned !== undefined) return scanned;
  const entry = decodeEntry(null, bytes.subarray(start, end));
  switch (entry.kind) {
    case 'outcome':
      return entry.outcome;
    case 'dead':
      return entry.reason;
    default:
      return undefined;
  }
};

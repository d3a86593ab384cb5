/** Outcome records as JSON lines, such as `kcat -C -t fuseboard.outcomes` prints them. */
import type { Outcome } from '#engine';
import { decodeEntry } from '#wire';
import { OutcomeScanner } from './outcome-scanner.ts';
import type { LineReader } from './reading.ts';

const scanner = new OutcomeScanner();

export const readOutcomeLine: LineReader = (bytes, start, end) => {
  const scanned = scanner.scan(bytes, start, end);
  if (scanned !== undefined) return scanned;
  const entry = decodeEntry(null, bytes.subarray(start, end));
  switch (entry.kind) {
    case 'outcome':
      return judged(entry.outcome);
    case 'dead':
      return entry.reason;
    default:
      return undefined;
  }
};

/** Nothing but what is judged, and that without the generation under which its call was admitted: it is another world's. */
export function judged({ upstream, atMs, reporter, id, result, durationMs, count }: Outcome): Outcome {
  return { upstream, atMs, reporter, result, count, ...(id !== undefined && { id }), ...(durationMs !== undefined && { durationMs }) };
}

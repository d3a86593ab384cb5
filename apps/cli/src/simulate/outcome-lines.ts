/** Outcome records as JSON lines, such as `kcat -C -t fuseboard.outcomes` prints. */
import type { Outcome } from '#engine';
import { decodeEntry } from '#wire';
import type { LineReader } from './reading.ts';

export const readOutcomeLine: LineReader = (bytes, start, end) => {
  const entry = decodeEntry(null, bytes.subarray(start, end));
  switch (entry.kind) {
    case 'outcome':
      return unadmitted(entry.outcome);
    case 'dead':
      return entry.reason;
    default:
      return undefined;
  }
};

/** Without what says under which generation its call was admitted: that was another world's. */
export function unadmitted(outcome: Outcome): Outcome {
  if (outcome.admitted === undefined) return outcome;
  const { upstream, atMs, reporter, id, result, durationMs, count } = outcome;
  return { upstream, atMs, reporter, result, count, ...(id !== undefined && { id }), ...(durationMs !== undefined && { durationMs }) };
}

/** V1: when the log is no longer the one that a state was folded from, or no longer all of it. */
import type { Incarnation } from './control-view.ts';
import type { LogBounds, OutcomeReader, PartitionMeta } from './ports.ts';

/** In words; undefined: the last incarnation goes on from `from`. */
export function reincarnationReason(last: Incarnation | undefined, bounds: LogBounds, from: number): string | undefined {
  if (last === undefined) return 'first use of this log';
  if (isAnother(last.identity, bounds)) return 'the log is another one: its first record differs';
  if (from < bounds.first) return `the log was cut: it begins at ${bounds.first}, needed from ${from}`;
  if (from > bounds.next) return `the log lost its end: it goes to ${bounds.next}, ${from} was reached`;
  return undefined;
}

/** Holes before a position: so many offsets below it are searched for a record. */
const HOLES_MAX = 100;

/**
 * V1 where the first record is gone: a log that was made again, has grown and was cut since is told by the last record
 * that is said to be folded. Folding it took the clock to its append time at least (T1), and those of a later log lie beyond.
 */
export async function overgrownReason(reader: Pick<OutcomeReader, 'read'>, { partition, kept, bounds }: { partition: number; kept: PartitionMeta | undefined; bounds: LogBounds }): Promise<string | undefined> {
  if (kept === undefined || bounds.identity !== undefined || kept.next > bounds.next) return undefined;
  const from = Math.max(bounds.first, kept.next - HOLES_MAX);
  if (from >= kept.next) return undefined;
  const last = (await reader.read(partition, from, kept.next - from)).findLast(({ offset }) => offset < kept.next);
  if (last === undefined || last.appendMs <= kept.clockMs) return undefined;
  return `the log is another one: its record ${last.offset} was appended ${last.appendMs - kept.clockMs} ms behind the clock of the state that is said to hold it`;
}

/** V1: told by the first record for as long as it is there. */
export function isAnother(identity: string, bounds: LogBounds): boolean {
  return bounds.identity !== undefined && bounds.identity !== identity;
}

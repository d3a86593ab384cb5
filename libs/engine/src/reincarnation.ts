/** V1: when the log is no longer the one that a state was folded from. */
import type { LogBounds, OutcomeReader, PartitionMeta } from './ports.ts';

/** Holes before a position: so many offsets below it are searched for a record. */
const HOLES_MAX = 100;

/**
 * V1 where the first record is gone: a log that was made again, has grown and was cut since is told by the last record
 * that is said to be folded. Folding it took the clock to its append time at least (T1), and those of a later log lie beyond.
 */
export async function overgrownReason(reader: Pick<OutcomeReader, 'read'>, { partition, kept, bounds }: { partition: number; kept: Pick<PartitionMeta, 'next' | 'clockMs'> | undefined; bounds: LogBounds }): Promise<string | undefined> {
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

/**
 * Where records can be read again, behind a batch that can't. A batch says how long it is, but kafkajs throws that away
 * with the rest; a broker gives the batch that holds an offset, so the end is found by asking for ever nearer ones.
 */
import { isOutOfRange, isUnreadable, ONE_BATCH, type Fetched, type Link } from './link.ts';

/** @returns the first offset above `from` that isn't in the batches at `from` which can't be read */
export async function endOfUnreadable(reads: Link, partition: number, from: number): Promise<number> {
  let bad = from;
  let step = 1;
  while (!(await isReadable(reads, partition, from + step))) {
    bad = from + step;
    step *= 2;
  }
  let good = from + step;
  while (good - bad > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (await isReadable(reads, partition, middle)) good = middle;
    else bad = middle;
  }
  return good;
}

/** One batch of a partition from `from` on; of batches that can't be read, their end. */
export async function fetchBatch(reads: Link, partition: number, from: number): Promise<Fetched> {
  try {
    const [fetched] = await reads.fetch(new Map([[partition, from]]), { waitMs: 0, partitionBytesMax: ONE_BATCH });
    return fetched as Fetched;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return { partition, from, batches: [], next: await endOfUnreadable(reads, partition, from), end: Infinity };
  }
}

/** What isn't there (any more, or yet) is no batch that can't be read. */
async function isReadable(reads: Link, partition: number, offset: number): Promise<boolean> {
  try {
    await reads.fetch(new Map([[partition, offset]]), { waitMs: 0, partitionBytesMax: ONE_BATCH });
    return true;
  } catch (error) {
    if (isUnreadable(error)) return false;
    if (isOutOfRange(error)) return true;
    throw error;
  }
}

/** Calls out of a span of the outcomes log: the fleet's, or a data directory's. The log's append times are the clock. */
import type { LogBounds, OutcomeReader } from '#engine';
import { Failure } from '../failure.ts';
import { Progress } from '../progress.ts';
import { openToRead, type Opened, type StoreOptions } from '../stores.ts';
import { Simulation } from './simulation.ts';
import type { PolicyFile } from './policy-files.ts';
import type { Taken } from './taken.ts';

/** Records read at once. */
const READ_MAX = 4_000;
/** Append times may go back by a broker's error; what is this far beyond the span ends it, ms. */
const BEYOND_MS = 60_000;

export interface LogSource extends StoreOptions {
  /** Whose calls. */
  readonly of: string;
  /** Append times, ms since 1970: from the first, to before the second. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Simulate them as calls of this one. */
  readonly upstream?: string;
}

/** @throws {Failure | StartError} */
export async function takeLog(files: readonly PolicyFile[], source: LogSource): Promise<Taken & { readonly simulation: Simulation }> {
  if (source.fromMs >= source.toMs) throw new Failure('--from is not before --to; allowed: a span', 2);
  const { drivers, audit } = await openToRead(source);
  const progress = new Progress();
  try {
    const partition = audit.partitionOf(source.of.toLowerCase());
    const simulation = new Simulation(files, { lateAfterMs: audit.lateAfterMs });
    await takeSpan(simulation, { reader: drivers.reader, partition, source, progress });
    return { simulation, placeOf: (offset) => `${partition}@${offset - 1}`, notes: ['calls that a breaker refused at the time are not in the log, and can be in no ledger'] };
  } finally {
    progress.clear();
    await drivers.close();
  }
}

interface Span {
  readonly reader: Opened<{ readonly reader: Pick<OutcomeReader, 'bounds' | 'read'>; readonly partitions: number; close(): Promise<void> }>['drivers']['reader'];
  readonly partition: number;
  readonly source: LogSource;
  readonly progress: Progress;
}

async function takeSpan(simulation: Simulation, { reader, partition, source, progress }: Span): Promise<void> {
  const { of, fromMs, toMs, upstream } = source;
  const bounds = await reader.bounds(partition);
  let next = await firstAt(fromMs, bounds, async (offset) => (await reader.read(partition, offset, 1))[0]?.appendMs);
  const first = next;
  while (next < bounds.next) {
    const records = await reader.read(partition, next, READ_MAX);
    const last = records.at(-1);
    if (last === undefined) return;
    for (const { entry, offset, appendMs } of records) {
      if (entry.kind !== 'outcome' || entry.outcome.upstream !== of.toLowerCase() || appendMs < fromMs || appendMs >= toMs) continue;
      const { outcome } = entry;
      // The simulation's own offsets begin with 1.
      simulation.take(upstream === undefined ? outcome : { ...outcome, upstream }, offset + 1, appendMs);
    }
    next = last.offset + 1;
    progress.show((next - first) / (bounds.next - first));
    if (last.appendMs >= toMs + BEYOND_MS) return;
  }
}

/** The first offset whose record was appended at `fromMs` or later: append times grow, but for brokers' errors. */
async function firstAt(fromMs: number, { first, next }: LogBounds, appendedAt: (offset: number) => Promise<number | undefined>): Promise<number> {
  let [low, high] = [first, next];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const appendMs = await appendedAt(middle);
    if (appendMs === undefined || appendMs >= fromMs) high = middle;
    else low = middle + 1;
  }
  return low;
}

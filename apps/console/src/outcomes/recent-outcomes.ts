/**
 * What was reported about one upstream in the last minutes, from the end of its partition of the outcomes log: for people
 * who look, so it reads back so far and no further, however much the other upstreams of that partition get.
 */
import { isError, type LogRecord, type Outcome, type OutcomeReader } from '#engine';

/** Records of the partition that are looked at, of whatever upstream. */
const RECORDS_MAX = 20_000;
const CHUNK = 2_000;
const BUCKETS = 60;
/** The newest that are given one by one. */
const LAST_MAX = 20;
const REPORTERS_MAX = 50;

export interface RecentQuery {
  readonly upstream: string;
  readonly partition: number;
  readonly spanMs: number;
  readonly nowMs: number;
  /** Absent: nothing is slow. */
  readonly slowTimeMs?: number | undefined;
}

export interface Tallied {
  calls: number;
  errors: number;
  /** Errors included. */
  slow: number;
}

export interface Reported extends Tallied {
  readonly reporter: string;
  lastMs: number;
}

export interface ReadOutcome {
  readonly offset: number;
  readonly appendMs: number;
  readonly outcome: Outcome;
  readonly isError: boolean;
  readonly isSlow: boolean;
}

export interface Recent {
  readonly partition: number;
  /** Where the reading began; undefined: there was nothing to read. */
  readonly from?: { readonly offset: number; readonly atMs: number };
  /** All of the span was read; false: there was more in it than is looked at. */
  readonly isWhole: boolean;
  readonly bucketMs: number;
  /** By append time, oldest first; those without calls are left out. */
  readonly buckets: readonly (Tallied & { readonly atMs: number })[];
  /** Who reported most, first. */
  readonly reporters: readonly Reported[];
  /** Newest first. */
  readonly last: readonly ReadOutcome[];
}

export async function recentOutcomes(reader: OutcomeReader, query: RecentQuery): Promise<Recent> {
  const { partition, spanMs, nowMs } = query;
  const { first, next } = await reader.bounds(partition);
  const since = nowMs - spanMs;
  let records: readonly LogRecord[] = [];
  let from = next;
  const least = Math.max(first, next - RECORDS_MAX);
  while (from > least && (records[0]?.appendMs ?? Infinity) >= since) {
    const to = from;
    from = Math.max(least, from - CHUNK);
    records = [...(await reader.read(partition, from, to - from)).filter(({ offset }) => offset < to), ...records];
  }
  const isWhole = from <= first || (records[0]?.appendMs ?? Infinity) < since;
  const own = records.filter(({ appendMs }) => appendMs >= since).flatMap((record) => readOutcome(record, query) ?? []);
  const [oldest] = records;
  return { partition, ...(oldest && { from: { offset: oldest.offset, atMs: Math.max(since, oldest.appendMs) } }), isWhole, ...tallied(own, spanMs) };
}

/** Undefined: it is no outcome of that upstream's. */
export function readOutcome({ offset, appendMs, entry }: LogRecord, { upstream, slowTimeMs = Infinity }: Pick<RecentQuery, 'upstream' | 'slowTimeMs'>): ReadOutcome | undefined {
  if (entry.kind !== 'outcome' || entry.outcome.upstream !== upstream) return undefined;
  const { outcome } = entry;
  return { offset, appendMs, outcome, isError: isError(outcome.result), isSlow: (outcome.durationMs ?? 0) >= slowTimeMs };
}

function tallied(own: readonly ReadOutcome[], spanMs: number): Pick<Recent, 'bucketMs' | 'buckets' | 'reporters' | 'last'> {
  const bucketMs = Math.ceil(spanMs / BUCKETS);
  const buckets = new Map<number, Tallied & { atMs: number }>();
  const reporters = new Map<string, Reported>();
  for (const each of own) {
    const { appendMs, outcome: { reporter } } = each;
    const atMs = Math.floor(appendMs / bucketMs) * bucketMs;
    const bucket = buckets.get(atMs) ?? { atMs, calls: 0, errors: 0, slow: 0 };
    const reported = reporters.get(reporter) ?? { reporter, calls: 0, errors: 0, slow: 0, lastMs: 0 };
    buckets.set(atMs, bucket);
    reporters.set(reporter, reported);
    reported.lastMs = Math.max(reported.lastMs, appendMs);
    for (const tally of [bucket, reported]) count(tally, each);
  }
  return {
    bucketMs,
    buckets: [...buckets.values()].toSorted((a, b) => a.atMs - b.atMs),
    reporters: [...reporters.values()].toSorted((a, b) => b.calls - a.calls).slice(0, REPORTERS_MAX),
    last: own.slice(-LAST_MAX).toReversed(),
  };
}

function count(tally: Tallied, { outcome, isError: error, isSlow }: ReadOutcome): void {
  tally.calls += outcome.count;
  if (error) tally.errors += outcome.count;
  if (isSlow) tally.slow += outcome.count;
}

/**
 * A proxy's way of telling the log what became of its calls, in the background (V6). Outcomes go at once while no send
 * is on its way and the last one was small or long ago; otherwise they wait and go with the next, each as a record of its
 * own while they are few, so that a breaker trips at the very call; calls alike are merged into one (L4) when they are
 * many. A record once handed to a send never changes. Nothing here waits, and nothing grows without bound: what finds no
 * room is dropped, counted.
 */
import type { LogClock } from './log-clock.ts';
import type { Admission, Outcome, Result } from './outcome.ts';
import { isError } from './outcome.ts';
import type { OutcomeLog } from './ports.ts';

/** A call that reached out, as the proxy saw it end. */
export interface Call {
  readonly upstream: string;
  readonly result: Result;
  readonly durationMs?: number;
  readonly admitted?: Admission;
  /** Of the decision, for the proxy's own judgement (V4); told to nobody. */
  readonly local?: Admission;
  /** Of the decision that let it through; decides which calls are alike (L4). */
  readonly slowTimeThresholdMs?: number;
  readonly target?: string;
  readonly attempt?: number;
}

export interface ReporterOptions {
  /** Who reports; FUSEBOARD_INSTANCE. */
  readonly reporter: string;
  /** Unique to this process's life: ids are this and a number. */
  readonly idPrefix: string;
  readonly clock: LogClock;
  /** A send failed; its records are sent again, unchanged. */
  readonly onSendFailed?: (error: unknown) => void;
  /** Is to call `pulse` after so many ms; absent: what waits for the pace waits for the next call or pulse. */
  readonly wake?: (afterMs: number) => void;
  /** After a send the next waits this long for each call that it carried, ms, `PACE_MAX_MS` at most; 0: not at all; default 4. */
  readonly pacePerCallMs?: number;
  /** Calls that go as records of their own in 100 ms; beyond it, and in the 100 ms behind, calls alike are merged. Default 200. */
  readonly singlesMax?: number;
}

/** V6: how long, and how many records, may wait while a send is on its way; and how many one send takes. */
const WAIT_MAX_MS = 100;
const WAITING_SEND_MAX = 1_000;
/** Below `WAIT_MAX_MS`, so that a timer may be late. */
const PACE_MAX_MS = 90;
/** The same while an error or a slow call waits: what may trip a breaker travels soon. */
const PACE_BAD_MAX_MS = 10;
/** Records waiting at most, and sends on their way at most; beyond it calls are dropped and counted. */
const WAITING_MAX = 10_000;
const SENDS_MAX = 4;
/** In which calls are counted, to tell few from many, ms. */
const SPAN_MS = 100;
/** L4: calls merged into one record were known within this of each other, ms. */
const ALIKE_WITHIN_MS = 100;
/** L4. */
const COUNT_MAX = 1_000_000;

type Waiting = { -readonly [K in keyof Outcome]: Outcome[K] };

/** Calls alike in one record. */
interface Merged {
  readonly record: Waiting;
  readonly isSlow: boolean;
}

export class Reporter {
  readonly #log: Pick<OutcomeLog, 'append'>;
  readonly #options: ReporterOptions;
  readonly #pacePerCallMs: number;
  readonly #singlesMax: number;
  /** One call each, oldest first. */
  #singles: Waiting[] = [];
  /** By upstream, oldest first. */
  readonly #merged = new Map<string, Merged[]>();
  #mergedRecords = 0;
  /** When what waits longest began to; Infinity: nothing waits. */
  #waitsSinceMs = Infinity;
  /** Sent and refused; unchanged since. */
  #failed: (readonly Outcome[])[] = [];
  #failedRecords = 0;
  #sending = 0;
  /** Records on their way. */
  #sent = 0;
  /** Calls in this span of time, by its number, and in the one before. */
  readonly #span = { number: Number.NaN, calls: 0, before: 0 };
  /** When the last send began, and what it carried. */
  #last = { atMs: -Infinity, calls: 0 };
  /** Whether an error or a slow call is among what waits. */
  #isBadWaiting = false;
  /** Infinity: not asked for. */
  #wakeAtMs = Infinity;
  #ids = 0;
  #idle: (() => void)[] = [];
  /** Calls that found no room. */
  dropped = 0;

  constructor(log: Pick<OutcomeLog, 'append'>, options: ReporterOptions) {
    this.#log = log;
    this.#options = options;
    this.#pacePerCallMs = options.pacePerCallMs ?? 4;
    this.#singlesMax = options.singlesMax ?? 200;
  }

  /** Records that wait to be sent, or to be sent again. */
  get waiting(): number {
    return this.#waitingFirst + this.#failedRecords;
  }

  /** Records that wait, or are on their way: nobody knows that the log has them. */
  get unacknowledged(): number {
    return this.waiting + this.#sent;
  }

  report(call: Call): void {
    const nowMs = Math.round(this.#options.clock.nowMs());
    this.#wait(call, nowMs);
    this.#sendIfDue(nowMs);
  }

  /** To be called each 100 ms or so: sends what has waited long enough, and what failed, again. */
  pulse(): void {
    this.#wakeAtMs = Infinity;
    const again = this.#failed.splice(0, Math.max(0, SENDS_MAX - this.#sending));
    for (const batch of again) this.#sendAgain(batch);
    this.#sendIfDue(this.#options.clock.nowMs());
  }

  /** Settles when all that was reported has been acknowledged; callers bound it in time, and go on calling `pulse`. */
  async flush(): Promise<void> {
    if (this.#sending === 0) this.#sendWaiting();
    if (this.#sending === 0 && this.waiting === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Never sent yet. */
  get #waitingFirst(): number {
    return this.#singles.length + this.#mergedRecords;
  }

  #record({ upstream, result, durationMs, admitted, target, attempt }: Call, atMs: number): Waiting {
    return {
      upstream,
      atMs,
      reporter: this.#options.reporter,
      id: `${this.#options.idPrefix}${(this.#ids++).toString(36)}`,
      result,
      count: 1,
      ...(durationMs === undefined ? {} : { durationMs }),
      ...(admitted === undefined ? {} : { admitted }),
      ...(target === undefined ? {} : { target }),
      ...(attempt === undefined ? {} : { attempt }),
    };
  }

  #wait(call: Call, atMs: number): void {
    const isFew = this.#isOneOfFew(atMs);
    const slow = isSlow(call);
    if (slow || isError(call.result)) this.#isBadWaiting = true;
    const alike = isFew ? undefined : findAlike(this.#merged.get(call.upstream), { call, slow, atMs });
    if (alike !== undefined) return merge(alike, call);
    if (this.waiting >= WAITING_MAX) {
      this.dropped++;
      return;
    }
    this.#waitsSinceMs = Math.min(this.#waitsSinceMs, atMs);
    const record = this.#record(call, atMs);
    if (isFew) this.#singles.push(record);
    else this.#addMerged({ record, isSlow: slow });
  }

  #isOneOfFew(atMs: number): boolean {
    const span = this.#span;
    const number = Math.floor(atMs / SPAN_MS);
    if (number !== span.number) {
      span.before = number === span.number + 1 ? span.calls : 0;
      span.calls = 0;
      span.number = number;
    }
    span.calls++;
    return Math.max(span.calls, span.before) <= this.#singlesMax;
  }

  #addMerged(merged: Merged): void {
    const { upstream } = merged.record;
    const others = this.#merged.get(upstream);
    if (others === undefined) this.#merged.set(upstream, [merged]);
    else others.push(merged);
    this.#mergedRecords++;
  }

  #sendIfDue(nowMs: number): void {
    if (this.#sending > 0 || this.#failed.length > 0) {
      if (this.#isOverdue(nowMs)) this.#sendWaiting();
      return;
    }
    if (this.#waitingFirst === 0) return;
    const sinceMs = nowMs - this.#last.atMs;
    // Nothing is paced for whoever waits for a flush. Below 0: the clock was set back.
    const paceMs = this.#idle.length > 0 ? 0 : Math.min(this.#isBadWaiting ? PACE_BAD_MAX_MS : PACE_MAX_MS, this.#last.calls * this.#pacePerCallMs);
    if (sinceMs < 0 || sinceMs >= paceMs) this.#sendWaiting();
    else this.#askToBeWoken(paceMs - sinceMs, nowMs);
  }

  #askToBeWoken(afterMs: number, nowMs: number): void {
    if (this.#options.wake === undefined || nowMs + afterMs >= this.#wakeAtMs) return;
    this.#wakeAtMs = nowMs + afterMs;
    this.#options.wake(afterMs);
  }

  #isOverdue(nowMs: number): boolean {
    if (this.#sending >= SENDS_MAX) return false;
    if (this.#waitingFirst >= WAITING_SEND_MAX) return true;
    return nowMs - this.#waitsSinceMs >= WAIT_MAX_MS;
  }

  #sendWaiting(): void {
    const records = this.#drainWaiting();
    if (records.length === 0) return;
    this.#last = { atMs: this.#options.clock.nowMs(), calls: records.reduce((sum, { count }) => sum + count, 0) };
    this.#send(records);
  }

  #drainWaiting(): Outcome[] {
    const records: Outcome[] = this.#singles.splice(0, WAITING_SEND_MAX);
    const merged: Merged[] = [];
    for (const [upstream, waiting] of this.#merged) {
      merged.push(...waiting.splice(0, WAITING_SEND_MAX - records.length - merged.length));
      if (waiting.length > 0) break;
      this.#merged.delete(upstream);
    }
    this.#mergedRecords -= merged.length;
    if (this.#waitingFirst === 0) {
      this.#waitsSinceMs = Infinity;
      this.#isBadWaiting = false;
    }
    merged.sort((a, b) => badness(a) - badness(b));
    for (const { record } of merged) records.push(record);
    return records;
  }

  #sendAgain(records: readonly Outcome[]): void {
    this.#failedRecords -= records.length;
    this.#send(records);
  }

  #send(records: readonly Outcome[]): void {
    this.#sending++;
    this.#sent += records.length;
    const { clock } = this.#options;
    const sentMs = clock.monotonicMs();
    this.#log.append(records).then(
      (appendMs) => {
        this.#sent -= records.length;
        const last = appendMs.at(-1);
        if (last !== undefined) clock.observe(last, { sentMs, acknowledgedMs: clock.monotonicMs() });
        // The log answers again: what failed goes at its pace and not at the pulse's, or much of it comes late (T2).
        const failed = this.#failed.shift();
        if (failed !== undefined) this.#sendAgain(failed);
        this.#settle();
      },
      (error: unknown) => {
        this.#sent -= records.length;
        this.#failed.push(records);
        this.#failedRecords += records.length;
        this.#options.onSendFailed?.(error);
        this.#settle();
      },
    );
  }

  #settle(): void {
    this.#sending--;
    if (this.#sending === 0 && this.#failed.length === 0) this.#sendIfDue(this.#options.clock.nowMs());
    if (this.#sending > 0 || this.waiting > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** L4: by the threshold in force. */
function isSlow({ durationMs, slowTimeThresholdMs }: Call): boolean {
  return durationMs !== undefined && slowTimeThresholdMs !== undefined && durationMs >= slowTimeThresholdMs;
}

/** L4. Behind one that is too old there are only older ones. */
function findAlike(waiting: readonly Merged[] | undefined, { call, slow, atMs }: { call: Call; slow: boolean; atMs: number }): Waiting | undefined {
  for (let n = (waiting?.length ?? 0) - 1; n >= 0; n--) {
    const other = waiting?.[n] as Merged;
    // The clock may have been set back a little (T2).
    if (Math.abs(atMs - other.record.atMs) >= ALIKE_WITHIN_MS) return undefined;
    if (other.isSlow === slow && other.record.count < COUNT_MAX && isAlike(other.record, call)) return other.record;
  }
  return undefined;
}

/** L4, of one upstream. */
function isAlike(a: Waiting, b: Call): boolean {
  return (
    a.target === b.target &&
    a.attempt === b.attempt &&
    a.admitted?.generation === b.admitted?.generation &&
    a.admitted?.incarnation === b.admitted?.incarnation &&
    (a.result === b.result || (a.result.kind === b.result.kind && ended(a.result) === ended(b.result)))
  );
}

function ended(result: Result): number | string {
  if (result.kind === 'ok') return result.kind;
  return result.kind === 'failure' ? result.failure : result.code;
}

/** What counts against an upstream goes behind what doesn't: the other way round a ratio would trip on half of a send. */
function badness({ record: { result }, isSlow: slow }: Merged): number {
  return (isError(result) ? 2 : 0) + (slow ? 1 : 0);
}

function merge(into: Waiting, { durationMs }: Call): void {
  into.count++;
  if (durationMs !== undefined) into.durationMs = Math.max(into.durationMs ?? 0, durationMs);
}

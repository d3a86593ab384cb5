/**
 * A proxy's way of telling the log what became of its calls, in the background (V6). Outcomes go at once while no send
 * is on its way; while one is, calls alike are merged into one record (L4) and go with the next. A record once handed
 * to a send never changes. Nothing here waits, and nothing grows without bound: what finds no room is dropped, counted.
 */
import type { LogClock } from './log-clock.ts';
import type { Admission, Outcome, Result } from './outcome.ts';
import type { OutcomeLog } from './ports.ts';

/** A call that reached out, as the proxy saw it end. */
export interface Call {
  readonly upstream: string;
  readonly result: Result;
  readonly durationMs?: number;
  readonly admitted?: Admission;
  /** Of the decision, for the proxy's own judgement (V4); told to nobody. */
  readonly provisional?: Admission;
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
}

/** V6: how long, and how many records, may wait while a send is on its way; and how many one send takes. */
const WAIT_MAX_MS = 100;
const WAITING_SEND_MAX = 1_000;
/** Records waiting at most, and sends on their way at most; beyond it calls are dropped and counted. */
const WAITING_MAX = 10_000;
const SENDS_MAX = 4;
/** L4: calls merged into one record were known within this of each other, ms. */
const ALIKE_WITHIN_MS = 100;
/** L4. */
const COUNT_MAX = 1_000_000;

type Waiting = { -readonly [K in keyof Outcome]: Outcome[K] };

export class Reporter {
  readonly #log: OutcomeLog;
  readonly #options: ReporterOptions;
  /** By what makes calls alike, oldest first. */
  readonly #waiting = new Map<string, Waiting>();
  /** Alike, but full or too old to be merged with. */
  readonly #closed: Waiting[] = [];
  /** Sent and refused; unchanged since. */
  #failed: (readonly Outcome[])[] = [];
  #sending = 0;
  #ids = 0;
  #idle: (() => void)[] = [];
  /** Calls that found no room. */
  dropped = 0;

  constructor(log: OutcomeLog, options: ReporterOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** Records that wait to be sent, or to be sent again. */
  get waiting(): number {
    return this.#waiting.size + this.#closed.length + this.#failed.reduce((sum, { length }) => sum + length, 0);
  }

  report(call: Call): void {
    const atMs = Math.round(this.#options.clock.nowMs());
    if (this.#sending === 0 && this.#failed.length === 0) this.#send([...this.#drainWaiting(), this.#record(call, atMs)]);
    else {
      this.#wait(call, atMs);
      if (this.#isOverdue(atMs)) this.#sendWaiting();
    }
  }

  /** To be called each 100 ms or so: sends what has waited long enough, and what failed, again. */
  pulse(): void {
    const failed = this.#failed.splice(0, Math.max(0, SENDS_MAX - this.#sending));
    for (const batch of failed) this.#send(batch);
    if (this.#isOverdue(this.#options.clock.nowMs())) this.#sendWaiting();
  }

  /** Settles when all that was reported has been acknowledged; callers bound it in time, and go on calling `pulse`. */
  async flush(): Promise<void> {
    if (this.#sending === 0) this.#sendWaiting();
    if (this.#sending === 0 && this.waiting === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
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
    const key = keyOf(call);
    const alike = this.#waiting.get(key);
    if (alike !== undefined && atMs - alike.atMs < ALIKE_WITHIN_MS && alike.count < COUNT_MAX) return merge(alike, call);
    if (this.waiting >= WAITING_MAX) {
      this.dropped++;
      return;
    }
    if (alike !== undefined) this.#closed.push(alike);
    this.#waiting.set(key, this.#record(call, atMs));
  }

  #isOverdue(nowMs: number): boolean {
    if (this.#sending >= SENDS_MAX) return false;
    if (this.#waiting.size + this.#closed.length >= WAITING_SEND_MAX) return true;
    const oldest = this.#closed[0] ?? this.#waiting.values().next().value;
    return oldest !== undefined && nowMs - oldest.atMs >= WAIT_MAX_MS;
  }

  #sendWaiting(): void {
    const records = this.#drainWaiting();
    if (records.length > 0) this.#send(records);
  }

  #drainWaiting(): Outcome[] {
    if (this.#waiting.size + this.#closed.length === 0) return [];
    const records: Outcome[] = this.#closed.splice(0, WAITING_SEND_MAX);
    for (const [key, record] of this.#waiting) {
      if (records.length === WAITING_SEND_MAX) break;
      records.push(record);
      this.#waiting.delete(key);
    }
    return records;
  }

  #send(records: readonly Outcome[]): void {
    this.#sending++;
    const { clock } = this.#options;
    const sentMs = clock.wallMs();
    this.#log.append(records).then(
      (appendMs) => {
        const last = appendMs.at(-1);
        if (last !== undefined) clock.observe(last, { sentMs, acknowledgedMs: clock.wallMs() });
        // The log answers again: what failed goes at its pace and not at the pulse's, or much of it comes late (T2).
        const failed = this.#failed.shift();
        if (failed !== undefined) this.#send(failed);
        this.#settle();
      },
      (error: unknown) => {
        this.#failed.push(records);
        this.#options.onSendFailed?.(error);
        this.#settle();
      },
    );
  }

  #settle(): void {
    this.#sending--;
    if (this.#sending === 0 && this.#failed.length === 0) this.#sendWaiting();
    if (this.#sending > 0 || this.waiting > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** L4: same upstream, generation, result, and slow or not by the threshold in force. */
function keyOf({ upstream, result, durationMs, admitted, slowTimeThresholdMs, target, attempt }: Call): string {
  const slow = durationMs !== undefined && slowTimeThresholdMs !== undefined && durationMs >= slowTimeThresholdMs;
  const ended = result.kind === 'failure' ? result.failure : result.kind === 'ok' ? 'ok' : `${result.kind}${result.code}`;
  return `${upstream} ${admitted?.incarnation}.${admitted?.generation} ${ended} ${slow} ${attempt} ${target}`;
}

function merge(into: Waiting, { durationMs }: Call): void {
  into.count++;
  if (durationMs !== undefined) into.durationMs = Math.max(into.durationMs ?? 0, durationMs);
}

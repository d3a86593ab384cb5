/** One pass over the calls for all policies: calls are gathered into batches, and each run folds each batch. */
import { Repeats, isError, type LogRecord, type Outcome } from '#engine';
import { PolicyRun, type PolicyResult } from './policy-run.ts';
import type { PolicyFile } from './policy-files.ts';
import { Timeline } from './timeline.ts';

/** A fold takes a batch for much less than its calls one by one, and more of them at once bring nothing. */
const BATCH_MAX = 2_048;
/** K4: as the processes have it. */
const IDS_MAX = 65_536;
/** Told of those whom no policy names. */
const STRANGERS_MAX = 5;
/** T1. */
const SET_BACK_AFTER_MS = 5_000;

/** What was seen of the input as a whole, in calls. */
export interface Seen {
  /** Of upstreams that a policy names. */
  calls: number;
  /** Of other upstreams. */
  strangers: number;
  /** The first few of them. */
  readonly strangerNames: readonly string[];
  /** K4: of the same reporter and id as another. Records. */
  repeats: number;
  /** Records whose time is before that of one before them; up to 5 s the clock stays where it is, beyond that it is set back (T1). */
  backwards: number;
  setBacks: number;
  firstMs: number;
  lastMs: number;
}

export interface SimulationOptions {
  /** Calls folded at once; what comes out doesn't depend on it. */
  readonly batchMax?: number;
  /** T2: as the processes have it, ms; a line whose own time is the clock is never late. */
  readonly lateAfterMs?: number;
}

export class Simulation {
  readonly #runs: readonly PolicyRun[];
  readonly #known: ReadonlySet<string>;
  readonly #repeats = new Repeats(IDS_MAX);
  readonly #strangerNames: string[] = [];
  readonly seen: Seen = { calls: 0, strangers: 0, strangerNames: this.#strangerNames, repeats: 0, backwards: 0, setBacks: 0, firstMs: Infinity, lastMs: -Infinity };
  readonly timeline = new Timeline();
  readonly #batchMax: number;
  #batch: LogRecord[] = [];
  #clockMs = -Infinity;

  constructor(files: readonly PolicyFile[], { batchMax = BATCH_MAX, lateAfterMs }: SimulationOptions = {}) {
    this.#batchMax = batchMax;
    this.#runs = files.map((file) => new PolicyRun(file, lateAfterMs));
    this.#known = new Set(files.flatMap(({ policies }) => policies.map(({ policy }) => policy.upstream)));
  }

  /** That the policies name. */
  get upstreams(): string[] {
    return [...this.#known];
  }

  /** @param offset grows from 1 on, and names the record in results @param appendMs the clock */
  take(outcome: Outcome, offset: number, appendMs: number): void {
    this.#watchClock(appendMs);
    const { id } = outcome;
    if (!this.#known.has(outcome.upstream)) this.#meetStranger(outcome);
    else if (id !== undefined && this.#repeats.seen(outcome.reporter, id, offset)) return void this.seen.repeats++;
    else this.#enter(outcome, appendMs);
    this.#batch.push({ offset, appendMs, entry: { kind: 'outcome', outcome: bare(outcome) } });
    if (this.#batch.length >= this.#batchMax) this.#fold();
  }

  end(): PolicyResult[] {
    this.#fold();
    for (const run of this.#runs) run.end();
    return this.#runs.flatMap((run) => run.results());
  }

  #fold(): void {
    for (const run of this.#runs) run.take(this.#batch);
    this.#batch = [];
  }

  #enter({ count, result }: Outcome, appendMs: number): void {
    this.seen.calls += count;
    this.timeline.add(appendMs, count, isError(result));
  }

  #meetStranger({ upstream, count }: Outcome): void {
    this.seen.strangers += count;
    if (this.#strangerNames.length < STRANGERS_MAX && !this.#strangerNames.includes(upstream)) this.#strangerNames.push(upstream);
  }

  #watchClock(appendMs: number): void {
    const { seen } = this;
    if (appendMs > seen.lastMs) seen.lastMs = appendMs;
    if (appendMs < seen.firstMs) seen.firstMs = appendMs;
    if (appendMs >= this.#clockMs) {
      this.#clockMs = appendMs;
      return;
    }
    seen.backwards++;
    if (appendMs >= this.#clockMs - SET_BACK_AFTER_MS) return;
    seen.setBacks++;
    this.#clockMs = appendMs;
  }
}

/**
 * What the runs judge. Repeats are left out once for all of them, so no id; nor under which generation the call was
 * admitted, which is of another world.
 */
function bare(outcome: Outcome): Outcome {
  const { upstream, atMs, reporter, id, admitted, result, durationMs, count } = outcome;
  if (id === undefined && admitted === undefined) return outcome;
  return durationMs === undefined ? { upstream, atMs, reporter, result, count } : { upstream, atMs, reporter, result, durationMs, count };
}

/**
 * The bounded map of actors. An idle XState actor costs kilobytes and a resting snapshot a few hundred bytes, so only
 * the most recently used stay awake; the others rest as snapshots and wake when something concerns them. Nothing is
 * ever lost by resting, and the fold's result does not depend on the bound.
 */
import { Breaker } from './breaker.ts';
import type { Moved } from './machine.ts';
import type { Policy } from './policy.ts';
import type { Snapshot } from './snapshot.ts';

export interface ActorsOptions {
  readonly partition: number;
  readonly awakeMax: number;
  /** The policy in force for an upstream. */
  readonly policyOf: (upstream: string) => Policy | undefined;
  readonly onMoved: (moved: Moved) => void;
}

export class Actors {
  readonly #options: ActorsOptions;
  readonly #resting = new Map<string, Snapshot>();
  /** Least recently used first. */
  readonly #awake = new Map<string, Breaker>();

  constructor(options: ActorsOptions) {
    this.#options = options;
  }

  /** Lays a snapshot to rest: a restored one, or a new upstream's first. */
  rest(snapshot: Snapshot): void {
    this.#resting.set(snapshot.upstream, snapshot);
  }

  has(upstream: string): boolean {
    return this.#awake.has(upstream) || this.#resting.has(upstream);
  }

  wake(upstream: string): Breaker {
    const breaker = this.#awake.get(upstream) ?? this.#start(upstream);
    this.#awake.delete(upstream);
    this.#awake.set(upstream, breaker);
    return breaker;
  }

  snapshot(upstream: string): Snapshot | undefined {
    return this.#awake.get(upstream)?.snapshot() ?? this.#resting.get(upstream);
  }

  *upstreams(): Iterable<string> {
    yield* this.#awake.keys();
    yield* this.#resting.keys();
  }

  #start(upstream: string): Breaker {
    const rest = this.#resting.get(upstream);
    if (rest === undefined) throw new Error(`assertion: no breaker for ${upstream}`);
    this.#resting.delete(upstream);
    const breaker = new Breaker(rest, this.#options.partition, rest.policy && this.#options.policyOf(upstream));
    breaker.onMoved(this.#options.onMoved);
    if (this.#awake.size >= this.#options.awakeMax) this.#layToRestOldest();
    return breaker;
  }

  #layToRestOldest(): void {
    const oldest = this.#awake.values().next().value;
    if (oldest === undefined) return;
    this.#awake.delete(oldest.upstream);
    this.#resting.set(oldest.upstream, oldest.snapshot());
    oldest.stop();
  }
}

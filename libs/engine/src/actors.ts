/**
 * The bounded map of actors. An idle XState actor costs kilobytes and a resting snapshot a few hundred bytes, so only
 * the most recently used stay awake; the others rest as snapshots and wake when something concerns them. Nothing is
 * ever lost by resting, and the fold's result does not depend on the bound.
 */
import { Breaker } from './breaker.ts';
import { comesToMany, type BreakerEvent, type Moved } from './machine.ts';
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
  readonly #awake = new Map<string, Breaker>();
  /** Those awake; the hand passes over whoever was used since it last came by. No outcome moves anything in it. */
  readonly #ring: Breaker[] = [];
  #hand = 0;

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
    breaker.isUsed = true;
    return breaker;
  }

  /** For its outcomes; undefined: it has no policy (L3). */
  wakePoliced(upstream: string): Breaker | undefined {
    const breaker = this.#awake.get(upstream);
    if (breaker === undefined) return this.#options.policyOf(upstream) && this.wake(upstream);
    breaker.isUsed = true;
    return breaker.hasPolicy ? breaker : undefined;
  }

  /** Anything but outcomes. Who rests isn't woken for what comes to many. */
  send(upstream: string, event: BreakerEvent, offset: number): void {
    if (this.#awake.has(upstream) || !comesToMany(event)) return this.wake(upstream).send(event, offset);
    const breaker = this.#breakerOf(upstream);
    breaker.send(event, offset);
    this.#resting.set(upstream, breaker.snapshot());
  }

  /** V1; -1: there is no such breaker. */
  nextOf(upstream: string): number {
    return this.#awake.get(upstream)?.next ?? this.#resting.get(upstream)?.next ?? -1;
  }

  /** No commit will ask for it until it is touched again. */
  settled(upstream: string): void {
    const breaker = this.#awake.get(upstream);
    if (breaker !== undefined) breaker.isTouched = false;
  }

  snapshot(upstream: string): Snapshot | undefined {
    return this.#awake.get(upstream)?.snapshot() ?? this.#resting.get(upstream);
  }

  *upstreams(): Iterable<string> {
    yield* this.#awake.keys();
    yield* this.#resting.keys();
  }

  #start(upstream: string): Breaker {
    const breaker = this.#breakerOf(upstream);
    this.#resting.delete(upstream);
    this.#awake.set(upstream, breaker);
    if (this.#ring.length < this.#options.awakeMax) this.#ring.push(breaker);
    else this.#ring[this.#layOneToRest()] = breaker;
    return breaker;
  }

  #breakerOf(upstream: string): Breaker {
    const rest = this.#resting.get(upstream);
    if (rest === undefined) throw new Error(`assertion: no breaker for ${upstream}`);
    const { partition, policyOf, onMoved } = this.#options;
    return new Breaker(rest, { partition, policy: rest.policy && policyOf(upstream), onMoved });
  }

  /** @returns the place in the ring that is free now */
  #layOneToRest(): number {
    for (; ; this.#hand = (this.#hand + 1) % this.#ring.length) {
      const breaker = this.#ring[this.#hand] as Breaker;
      if (!breaker.isUsed) {
        this.#awake.delete(breaker.upstream);
        this.#resting.set(breaker.upstream, breaker.snapshot());
        return this.#hand;
      }
      breaker.isUsed = false;
    }
  }
}

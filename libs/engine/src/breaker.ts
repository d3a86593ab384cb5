/**
 * One upstream's breaker awake: its XState actor, its window, and the version of what they say (V1).
 */
import type { ActorRefFrom } from 'xstate';
import { createActor } from 'xstate';
import type { BreakerContext, BreakerEvent, Moved } from './machine.ts';
import { breakerMachine } from './machine.ts';
import type { Policy } from './policy.ts';
import type { Run } from './run.ts';
import { admitOf, type Snapshot } from './snapshot.ts';
import { Window } from './window.ts';

export class Breaker {
  readonly upstream: string;
  readonly #actor: ActorRefFrom<typeof breakerMachine>;
  #next: number;
  /** What an action threw: the actor is dead, and what it says is worth nothing. */
  #failed: { readonly error: unknown } | undefined;

  /** `rest` is what it wakes from; its `policy` in full, or none where it was deleted. */
  constructor(rest: Snapshot, partition: number, policy: Policy | undefined) {
    this.upstream = rest.upstream;
    this.#next = rest.next;
    const input = contextOf(rest, partition, policy);
    const snapshot = breakerMachine.resolveState({ value: stateValue(rest), context: input });
    this.#actor = createActor(breakerMachine, { snapshot, input });
    // Heard here, or XState would throw it where nobody waits for it, once the fold has gone on without this actor.
    this.#actor.subscribe({ error: (error) => void (this.#failed = { error }) });
    this.#actor.start();
  }

  onMoved(listener: (moved: Moved) => void): void {
    this.#actor.on('moved', listener);
  }

  get context(): BreakerContext {
    return this.#actor.getSnapshot().context;
  }

  fold(run: Run): void {
    this.#tell({ type: 'outcomes', run });
    this.touch(run.touchedNext);
  }

  /** Anything but outcomes, at the record of `offset`. */
  send(event: Exclude<BreakerEvent, { type: 'outcomes' }>, offset: number): void {
    this.#tell(event);
    this.touch(offset + 1);
  }

  #tell(event: BreakerEvent): void {
    this.#actor.send(event);
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  /** V1: the version moves to one past the last record that touched this upstream, never back. */
  touch(next: number): void {
    if (next > this.#next) this.#next = next;
  }

  get next(): number {
    return this.#next;
  }

  snapshot(): Snapshot {
    const { upstream, incarnation, generation, state, sinceMs, untilMs, override, policy, window } = this.context;
    return {
      upstream,
      incarnation,
      next: this.#next,
      generation,
      state,
      admit: admitOf(state, override, policy?.identity),
      sinceMs,
      ...(untilMs === undefined ? {} : { untilMs }),
      ...(override === undefined ? {} : { override }),
      window: window.counts(),
      ...(policy === undefined ? {} : { policy: policy.identity }),
    };
  }

  stop(): void {
    this.#actor.stop();
  }
}

/** C3: the first application of a policy is generation 1, and no change of state. */
export function firstSnapshot(policy: Policy, at: { incarnation: number; clockMs: number; next: number }): Snapshot {
  return {
    upstream: policy.upstream,
    incarnation: at.incarnation,
    next: at.next,
    generation: 1,
    state: 'closed',
    admit: 1,
    sinceMs: at.clockMs,
    window: { total: 0, errors: 0, slow: 0 },
    policy: policy.identity,
  };
}

function stateValue(rest: Snapshot) {
  if (rest.policy === undefined) return 'unpoliced' as const;
  const forced = rest.override !== undefined;
  if (rest.state === 'open') return { policed: forced ? 'forcedOpen' : 'open' } as const;
  return { policed: forced ? 'forcedClosed' : 'closed' } as const;
}

function contextOf(rest: Snapshot, partition: number, policy: Policy | undefined): BreakerContext {
  const { upstream, incarnation, generation, state, sinceMs, untilMs, override } = rest;
  return {
    upstream,
    partition,
    incarnation,
    generation,
    state,
    sinceMs,
    ...(untilMs === undefined ? {} : { untilMs }),
    ...(override === undefined ? {} : { override }),
    ...(policy === undefined ? {} : { policy }),
    window: Window.from(rest.window),
  };
}

/**
 * One upstream's breaker awake: its XState actor, its window, and the version of what they say (V1). An outcome that
 * changes no state is counted without an event, as the machine's tags say of that state; the actor hears of changes
 * alone, and is started at the first of them.
 */
import type { ActorRefFrom } from 'xstate';
import { createActor } from 'xstate';
import { admittance, type Admittance } from './admission.ts';
import { tripReason, tripsOn, type Threshold } from './judge.ts';
import type { BreakerContext, BreakerEvent, Change, Moved, State } from './machine.ts';
import { breakerMachine, comesToMany, expiry, step, STATES } from './machine.ts';
import { isError, type Outcome } from './outcome.ts';
import type { Policy } from './policy.ts';
import { admitOf, type Snapshot } from './snapshot.ts';
import { EMPTY, Window } from './window.ts';

/** What became of an outcome. */
export type Taken = 'counted' | 'whileOpen' | Exclude<Admittance, 'current' | 'expire'>;

/** What it is woken with beside its rest. */
export interface BreakerOptions {
  readonly partition: number;
  /** In full; none where it was deleted. */
  readonly policy: Policy | undefined;
  readonly onMoved: (moved: Moved) => void;
}

export class Breaker {
  readonly upstream: string;
  /** Since it was last considered for rest (actors.ts). */
  isUsed = false;
  /** Is it among those that a commit will ask for (fold.ts)? */
  isTouched = false;
  readonly #standing: BreakerContext;
  /** Without its context. */
  #state: State;
  /** From the first change on, to the end of the lease. */
  #actor: ActorRefFrom<typeof breakerMachine> | undefined;
  /** The tags of its state. */
  #counts = false;
  #judges = false;
  #next: number;
  /** What an action threw: the actor is dead, and what it says is worth nothing. */
  #failed: { readonly error: unknown } | undefined;

  /** `rest` is what it wakes from. */
  constructor(rest: Snapshot, options: BreakerOptions) {
    this.upstream = rest.upstream;
    this.#next = rest.next;
    this.#standing = contextOf(rest, options);
    this.#state = this.#enter(stateOf(rest));
  }

  /** V1: one past the last record that touched this upstream. */
  get next(): number {
    return this.#next;
  }

  get hasPolicy(): boolean {
    return this.#standing.policy !== undefined;
  }

  /** Takes an outcome at its record. */
  take(outcome: Outcome, clockMs: number, offset: number): Taken {
    if (this.#failed !== undefined) throw this.#failed.error;
    const standing = this.#standing;
    let admitted = admittance(outcome, clockMs, standing);
    if (admitted === 'expire') {
      this.send({ type: 'expired', change: expiry(standing, offset) }, offset);
      admitted = admittance(outcome, clockMs, standing) as Exclude<Admittance, 'expire'>;
    }
    if (admitted !== 'current') return admitted;
    if (!this.#counts) return 'whileOpen';
    count(outcome, clockMs, standing);
    this.#touch(offset + 1);
    const threshold = this.#judges ? tripsOn(standing.window, standing.policy as Policy) : undefined;
    if (threshold !== undefined) this.#tell({ type: 'tripped', change: trip(standing, threshold, { outcome, clockMs, offset }) });
    return 'counted';
  }

  /** Anything but outcomes, at the record of `offset`. */
  send(event: BreakerEvent, offset: number): void {
    if (comesToMany(event)) this.#step(event);
    else this.#tell(event);
    this.#touch(offset + 1);
  }

  /** An actor that doesn't hear of it goes on only where it stays in its state. Nobody else knows it, so it need not be stopped. */
  #step(event: BreakerEvent): void {
    const state = step(this.#state, this.#standing, event);
    if (state === this.#state) return;
    this.#actor = undefined;
    this.#enter(state);
  }

  #tell(event: BreakerEvent): void {
    this.#actor ??= this.#start();
    this.#actor.send(event);
    if (this.#failed !== undefined) throw this.#failed.error;
    this.#enter(this.#actor.getSnapshot());
  }

  #start(): ActorRefFrom<typeof breakerMachine> {
    const snapshot = { ...this.#state, context: this.#standing };
    const actor = createActor(breakerMachine, { snapshot, input: this.#standing });
    // Heard here, or XState would throw it where nobody waits for it, once the fold has gone on without this actor.
    actor.subscribe({ error: (error) => void (this.#failed = { error }) });
    return actor.start();
  }

  #enter(state: State): State {
    this.#state = state;
    this.#counts = state.hasTag('counts');
    this.#judges = state.hasTag('judges');
    return state;
  }

  /** V1: never back. */
  #touch(next: number): void {
    if (next > this.#next) this.#next = next;
  }

  /** Made field by field, since a commit asks for thousands; in this order stores have kept it. */
  snapshot(): Snapshot {
    const { upstream, incarnation, generation, state, sinceMs, untilMs, override, policy, window } = this.#standing;
    const admit = admitOf(state, override, policy?.identity);
    const snapshot = { upstream, incarnation, next: this.#next, generation, state, admit, sinceMs } as { -readonly [field in keyof Snapshot]: Snapshot[field] };
    if (untilMs !== undefined) snapshot.untilMs = untilMs;
    if (override !== undefined) snapshot.override = override;
    snapshot.window = window.counts();
    if (policy !== undefined) snapshot.policy = policy.identity;
    return snapshot;
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
    window: EMPTY,
    policy: policy.identity,
  };
}

/** One object for all: this is the hot path. */
const alike = { calls: 0, error: false, slow: false };

function count({ result, durationMs, count: calls }: Outcome, clockMs: number, { window, policy }: BreakerContext): void {
  const { slowTimeThresholdMs, statTimeWindowMs } = policy as Policy;
  alike.calls = calls;
  alike.error = isError(result);
  alike.slow = durationMs !== undefined && durationMs >= slowTimeThresholdMs;
  window.count(alike, clockMs, statTimeWindowMs);
}

function trip(standing: BreakerContext, threshold: Threshold, { outcome, clockMs, offset }: { outcome: Outcome; clockMs: number; offset: number }): Change {
  const { partition, window } = standing;
  const policy = standing.policy as Policy;
  const cause = { kind: 'outcome' as const, partition, offset, ...(outcome.id === undefined ? {} : { id: outcome.id }) };
  return { offset, atMs: clockMs, reason: tripReason(threshold, window, policy), cause, untilMs: clockMs + policy.degradedTimeWindowMs };
}

function stateOf({ policy, override, state }: Snapshot): State {
  if (policy === undefined) return STATES.unpoliced;
  if (override !== undefined) return state === 'open' ? STATES.forcedOpen : STATES.forcedClosed;
  return state === 'open' ? STATES.open : STATES.closed;
}

function contextOf(rest: Snapshot, { partition, policy, onMoved }: BreakerOptions): BreakerContext {
  const { upstream, incarnation, generation, state, sinceMs, untilMs, override, window } = rest;
  return { upstream, partition, incarnation, generation, state, sinceMs, untilMs, override, policy, window: Window.from(window), onMoved };
}

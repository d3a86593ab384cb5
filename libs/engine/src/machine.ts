/**
 * The breaker's statechart. It decides what a fact means for the state, and by its tags what becomes of an outcome; the
 * window counts outside it (window.ts), and judge.ts says when a window trips. Deadlines are data (`untilMs`): no `after`, no clock in here, because whoever
 * restores a snapshot must find them again (T4).
 *
 *   unpoliced ── policyApplied ──► closed ─── tripped ────► open
 *       ▲                          ▲  ▲  ▲ ◄─── expired ──────┘
 *       │ policyDeleted            │  └── expired, cleared ── forcedOpen   ◄── forced ── any
 *       └── any                    └───── expired, cleared ── forcedClosed ◄── forced ── any
 */
import { setup } from 'xstate';
import type { Policy, PolicyIdentity } from './policy.ts';
import type { Override } from './snapshot.ts';
import type { BreakerState, Cause, Transition, WindowCounts } from './transition.ts';
import type { Window } from './window.ts';

/**
 * All that is known of one upstream. The machine's actions change it in place, and nothing else does: `assign` would
 * copy it for each event.
 */
export interface BreakerContext {
  readonly upstream: string;
  readonly partition: number;
  readonly incarnation: number;
  generation: number;
  /** What callers meet, whatever the reason. */
  state: BreakerState;
  sinceMs: number;
  untilMs: number | undefined;
  override: Override | undefined;
  policy: Policy | undefined;
  /** Counts on its own; never replaced. */
  readonly window: Window;
  readonly onMoved: (moved: Moved) => void;
}

/** A change of state, as whoever noticed it says it. */
export interface Change {
  /** The record at which it happened. */
  readonly offset: number;
  readonly atMs: number;
  readonly reason: string;
  readonly cause: Cause;
  readonly untilMs?: number;
  readonly override?: Override;
}

export type BreakerEvent =
  | { readonly type: 'tripped' | 'expired' | 'cleared' | 'policyDeleted'; readonly change: Change }
  | { readonly type: 'forced'; readonly to: BreakerState; readonly change: Change }
  | { readonly type: 'policyApplied'; readonly policy: Policy; readonly change: Change }
  | { readonly type: 'policyChanged'; readonly policy: Policy; readonly keepWindow: boolean }
  | { readonly type: 'pulledIn'; readonly clockMs: number };

/** Every change of state is told once, as the transition that it is (G1). */
export interface Moved {
  readonly offset: number;
  readonly transition: Transition;
}

/** What becomes of an outcome in a state: neither means that it passes over it. */
export type Tag = 'counts' | 'judges';

interface Args {
  readonly context: BreakerContext;
  readonly event: BreakerEvent;
}

const ACTIONS = {
  /** G1: generation + 1, a new lease or none, an empty window, and the transition told. */
  moveTo: ({ context, event }: Args, { to }: { to: BreakerState }): void => {
    if (!('change' in event)) return;
    const { change } = event;
    const policy = policyAfter(context, event);
    const transition = transitionOf(context, change, { to, policy: policy?.identity });
    context.window.empty();
    context.generation += 1;
    context.state = to;
    context.sinceMs = change.atMs;
    context.untilMs = change.untilMs;
    context.override = change.override;
    context.policy = policy;
    context.onMoved({ offset: change.offset, transition });
  },
  takePolicy: ({ context, event }: Args): void => {
    if (event.type !== 'policyChanged') return;
    if (!event.keepWindow) context.window.empty();
    context.policy = event.policy;
  },
  pullIn: ({ context, event }: Args): void => {
    if (event.type === 'pulledIn') pullIn(context, event.clockMs);
  },
};

export const breakerMachine = setup({
  types: {
    context: {} as BreakerContext,
    events: {} as BreakerEvent,
    input: {} as BreakerContext,
    tags: {} as Tag,
  },
  guards: {
    opens: ({ event }: Args) => event.type === 'forced' && event.to === 'open',
  },
  actions: ACTIONS,
}).createMachine({
  id: 'breaker',
  context: ({ input }) => input,
  initial: 'unpoliced',
  on: { pulledIn: { actions: { type: 'pullIn' } } },
  states: {
    unpoliced: {
      on: { policyApplied: { target: 'policed', actions: { type: 'moveTo', params: { to: 'closed' } } } },
    },
    policed: {
      initial: 'closed',
      on: {
        policyChanged: { actions: { type: 'takePolicy' } },
        policyDeleted: { target: 'unpoliced', actions: { type: 'moveTo', params: { to: 'closed' } } },
        forced: [
          { guard: 'opens', target: '.forcedOpen', actions: { type: 'moveTo', params: { to: 'open' } } },
          { target: '.forcedClosed', actions: { type: 'moveTo', params: { to: 'closed' } } },
        ],
        expired: { target: '.closed', actions: { type: 'moveTo', params: { to: 'closed' } } },
      },
      states: {
        closed: {
          tags: ['counts', 'judges'],
          on: { tripped: { target: 'open', actions: { type: 'moveTo', params: { to: 'open' } } } },
        },
        open: {},
        forcedClosed: {
          tags: ['counts'],
          on: { cleared: { target: 'closed', actions: { type: 'moveTo', params: { to: 'closed' } } } },
        },
        forcedOpen: {
          on: { cleared: { target: 'closed', actions: { type: 'moveTo', params: { to: 'closed' } } } },
        },
      },
    },
  },
});

export type State = ReturnType<typeof stateAt>;

/** The machine's states as XState has them, without a context; worked out once, since that costs more than an actor. */
export const STATES = {
  unpoliced: stateAt('unpoliced'),
  closed: stateAt({ policed: 'closed' }),
  open: stateAt({ policed: 'open' }),
  forcedClosed: stateAt({ policed: 'forcedClosed' }),
  forcedOpen: stateAt({ policed: 'forcedOpen' }),
};

function stateAt(value: Parameters<typeof breakerMachine.resolveState>[0]['value']) {
  return breakerMachine.resolveState({ value, context: {} as BreakerContext });
}

/** Can it come to all upstreams at once? So do leases that end, a set-back, policies that a directory brings or takes. */
export function comesToMany({ type }: BreakerEvent): boolean {
  return type !== 'tripped' && type !== 'forced' && type !== 'cleared';
}

/**
 * What an actor in that state does at an event, without one, since an actor costs ten times as much: XState says which
 * transition the machine takes, and its actions are done here. There are no entries, exits or transitions without an
 * event that this would pass over.
 * @returns the state after it
 */
export function step(state: State, context: BreakerContext, event: BreakerEvent): State {
  const [taken] = breakerMachine.getTransitionData({ ...state, context }, event);
  if (taken === undefined) return state;
  for (const { type, params } of taken.actions as readonly Action[]) ACTIONS[type]({ context, event }, params as { to: BreakerState });
  const target = taken.target?.[0];
  if (target === undefined) return state;
  return STATES[(target.initial.target?.[0] ?? target).key as keyof typeof STATES];
}

interface Action {
  readonly type: keyof typeof ACTIONS;
  readonly params?: { readonly to: BreakerState };
}

/** T5: the same content whoever notices it, and whenever. */
export function expiry(context: { readonly untilMs?: number | undefined }, offset: number): Change {
  const atMs = context.untilMs as number;
  return { offset, atMs, reason: 'its time is over', cause: EXPIRED };
}

const EXPIRED: Cause = Object.freeze({ kind: 'deadline' });

function policyAfter(context: BreakerContext, event: BreakerEvent): Policy | undefined {
  if (event.type === 'policyApplied') return event.policy;
  return event.type === 'policyDeleted' ? undefined : context.policy;
}

function transitionOf(
  context: BreakerContext,
  change: Change,
  { to, policy }: { to: BreakerState; policy: PolicyIdentity | undefined },
): Transition {
  return {
    upstream: context.upstream,
    incarnation: context.incarnation,
    generation: context.generation + 1,
    from: context.state,
    to,
    atMs: change.atMs,
    reason: change.reason,
    cause: change.cause,
    window: context.window.counts(),
    ...(policy === undefined ? {} : { policy }),
    ...(change.untilMs === undefined ? {} : { openUntilMs: change.untilMs }),
  };
}

/** How far ahead of the fold clock a time may lie before a set-back pulls it in, ms (T1). */
const PULL_IN_BEYOND_MS = 5_000;

/** T1: does a set-back to `clockMs` touch this breaker? */
export function isBeyond({ sinceMs, window }: Pick<BreakerContext, 'sinceMs'> & { window: WindowCounts | Window }, clockMs: number): boolean {
  const limitMs = clockMs + PULL_IN_BEYOND_MS;
  return sinceMs > limitMs || (window.startedAtMs !== undefined && window.startedAtMs > limitMs);
}

/** T1: a broker's clock was wrong; what lies too far beyond the clock comes back to it. */
function pullIn(context: BreakerContext, clockMs: number): void {
  const { sinceMs, untilMs, override, window } = context;
  pullInWindow(window, clockMs);
  if (sinceMs <= clockMs + PULL_IN_BEYOND_MS) return;
  context.sinceMs = clockMs;
  // A trip that began beyond the limit is one whose `until` is later than clock + its length + 5 s: over at the clock.
  const isTrip = untilMs !== undefined && override === undefined;
  if (isTrip) context.untilMs = clockMs;
}

/** T1. */
export function pullInWindow(window: Window, clockMs: number): void {
  if (window.startedAtMs !== undefined && window.startedAtMs > clockMs + PULL_IN_BEYOND_MS) window.startedAtMs = clockMs;
}

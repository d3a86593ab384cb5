/**
 * The breaker's statechart. It decides what a fact means for the state; the window counts outside it (window.ts), and
 * judge.ts says when a window trips. Deadlines are data (`untilMs`): no `after`, no clock in here, because whoever
 * restores a snapshot must find them again (T4).
 *
 *   unpoliced ── policyApplied ──► closed ─── tripped ────► open
 *       ▲                          ▲  ▲  ▲ ◄─── expired ──────┘
 *       │ policyDeleted            │  └── expired, cleared ── forcedOpen   ◄── forced ── any
 *       └── any                    └───── expired, cleared ── forcedClosed ◄── forced ── any
 */
import { assign, enqueueActions, setup } from 'xstate';
import type { Policy, PolicyIdentity } from './policy.ts';
import type { Run } from './run.ts';
import { tripReason } from './judge.ts';
import type { Override } from './snapshot.ts';
import type { BreakerState, Cause, Transition, WindowCounts } from './transition.ts';
import type { Window } from './window.ts';

export interface BreakerContext {
  readonly upstream: string;
  readonly partition: number;
  readonly incarnation: number;
  readonly generation: number;
  /** What callers meet, whatever the reason. */
  readonly state: BreakerState;
  readonly sinceMs: number;
  readonly untilMs?: number;
  readonly override?: Override;
  readonly policy?: Policy;
  /** Counts on its own; never replaced. */
  readonly window: Window;
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
  | { readonly type: 'outcomes'; readonly run: Run }
  | { readonly type: 'tripped' | 'expired' | 'cleared' | 'policyDeleted'; readonly change: Change }
  | { readonly type: 'forced'; readonly to: BreakerState; readonly change: Change }
  | { readonly type: 'policyApplied'; readonly policy: Policy; readonly change: Change }
  | { readonly type: 'policyChanged'; readonly policy: Policy; readonly keepWindow: boolean }
  | { readonly type: 'pulledIn'; readonly clockMs: number };

/** Every change of state is told once, as the transition that it is (G1). */
export interface Moved {
  readonly type: 'moved';
  readonly offset: number;
  readonly transition: Transition;
}

type Args = { context: BreakerContext; event: BreakerEvent };

export const breakerMachine = setup({
  types: {
    context: {} as BreakerContext,
    events: {} as BreakerEvent,
    emitted: {} as Moved,
    input: {} as BreakerContext,
  },
  guards: {
    opens: ({ event }: Args) => event.type === 'forced' && event.to === 'open',
  },
  actions: {
    /** The fold stops at the outcome that trips, and goes on in the new state. */
    count: enqueueActions(({ context, event, enqueue }, { judged }: { judged: boolean }) => {
      if (event.type !== 'outcomes') return;
      const policy = context.policy as Policy;
      const stopped = event.run.count({ ...context, policy }, judged);
      if (stopped === 'done') return;
      enqueue.raise(
        stopped === 'expire'
          ? { type: 'expired', change: expiry(context, event.run.at('next').offset) }
          : { type: 'tripped', change: trip(context, policy, { run: event.run, reason: tripReason(stopped, context.window, policy) }) },
      );
      enqueue.raise(event);
    }),
    passOver: enqueueActions(({ context, event, enqueue }) => {
      if (event.type !== 'outcomes' || event.run.passOver(context) === 'done') return;
      enqueue.raise({ type: 'expired', change: expiry(context, event.run.at('next').offset) });
      enqueue.raise(event);
    }),
    /** G1: generation + 1, a new lease or none, an empty window, and the transition told. */
    moveTo: enqueueActions(({ context, event, enqueue }, { to }: { to: BreakerState }) => {
      if (!('change' in event)) return;
      const policy = policyAfter(context, event);
      const { offset } = event.change;
      enqueue.emit({ type: 'moved', offset, transition: transitionOf(context, event.change, { to, policy: policy?.identity }) });
      context.window.empty();
      enqueue.assign({
        generation: context.generation + 1,
        state: to,
        sinceMs: event.change.atMs,
        untilMs: event.change.untilMs,
        override: event.change.override,
        policy,
      } as Partial<BreakerContext>);
    }),
    takePolicy: assign(({ context, event }) => {
      if (event.type !== 'policyChanged') return {};
      if (!event.keepWindow) context.window.empty();
      return { policy: event.policy };
    }),
    pullIn: assign(({ context, event }) => (event.type === 'pulledIn' ? pulledIn(context, event.clockMs) : {})),
  },
}).createMachine({
  id: 'breaker',
  context: ({ input }) => input,
  initial: 'unpoliced',
  on: { pulledIn: { actions: 'pullIn' } },
  states: {
    unpoliced: {
      on: { policyApplied: { target: 'policed', actions: { type: 'moveTo', params: { to: 'closed' } } } },
    },
    policed: {
      initial: 'closed',
      on: {
        policyChanged: { actions: 'takePolicy' },
        policyDeleted: { target: 'unpoliced', actions: { type: 'moveTo', params: { to: 'closed' } } },
        forced: [
          { guard: 'opens', target: '.forcedOpen', actions: { type: 'moveTo', params: { to: 'open' } } },
          { target: '.forcedClosed', actions: { type: 'moveTo', params: { to: 'closed' } } },
        ],
        expired: { target: '.closed', actions: { type: 'moveTo', params: { to: 'closed' } } },
      },
      states: {
        closed: {
          on: {
            outcomes: { actions: { type: 'count', params: { judged: true } } },
            tripped: { target: 'open', actions: { type: 'moveTo', params: { to: 'open' } } },
          },
        },
        open: { on: { outcomes: { actions: 'passOver' } } },
        forcedClosed: {
          on: {
            outcomes: { actions: { type: 'count', params: { judged: false } } },
            cleared: { target: 'closed', actions: { type: 'moveTo', params: { to: 'closed' } } },
          },
        },
        forcedOpen: {
          on: {
            outcomes: { actions: 'passOver' },
            cleared: { target: 'closed', actions: { type: 'moveTo', params: { to: 'closed' } } },
          },
        },
      },
    },
  },
});

/** T5: the same content whoever notices it, and whenever. */
export function expiry(context: { readonly untilMs?: number }, offset: number): Change {
  const atMs = context.untilMs as number;
  return { offset, atMs, reason: 'its time is over', cause: { kind: 'deadline' } };
}

function trip(context: BreakerContext, policy: Policy, of: { run: Run; reason: string }): Change {
  const { outcome, clockMs, offset } = of.run.at('last');
  const { partition } = context;
  const cause: Cause = { kind: 'outcome', partition, offset, ...(outcome.id === undefined ? {} : { id: outcome.id }) };
  return { offset, atMs: clockMs, reason: of.reason, cause, untilMs: clockMs + policy.degradedTimeWindowMs };
}

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
function pulledIn(context: BreakerContext, clockMs: number): Partial<BreakerContext> {
  const { sinceMs, untilMs, override, window } = context;
  pullInWindow(window, clockMs);
  if (sinceMs <= clockMs + PULL_IN_BEYOND_MS) return {};
  // A trip that began beyond the limit is one whose `until` is later than clock + its length + 5 s: over at the clock.
  const isTrip = untilMs !== undefined && override === undefined;
  return { sinceMs: clockMs, ...(isTrip ? { untilMs: clockMs } : {}) };
}

/** T1. */
export function pullInWindow(window: Window, clockMs: number): void {
  if (window.startedAtMs !== undefined && window.startedAtMs > clockMs + PULL_IN_BEYOND_MS) window.startedAtMs = clockMs;
}

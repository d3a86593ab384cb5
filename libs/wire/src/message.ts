/**
 * Snapshots and transitions as the gRPC messages of breaker.proto: plain objects with the proto's own field names, for
 * @grpc/proto-loader with `keepCase`. What a reader sees is the state as of its own clock: a lease that is over is shown
 * as what it became (T4, T5), a window that has ended as zeros (T3), with no message from anyone.
 */
import type { BreakerState, Cause, PolicyIdentity, Snapshot, Transition, WindowCounts } from '#engine';
import { given } from './fields.ts';

export interface TimestampMessage {
  readonly seconds: number;
  readonly nanos: number;
}

export type StateMessage = 'STATE_CLOSED' | 'STATE_OPEN';

export interface WindowMessage {
  readonly started_at?: TimestampMessage;
  readonly total: number;
  readonly errors: number;
  readonly slow: number;
}

export interface PolicyMessage {
  readonly name: string;
  readonly namespace: string;
  readonly version: string;
  /** Absent: it is. */
  readonly enforced?: boolean;
}

export interface BreakerMessage {
  readonly upstream: string;
  readonly state: StateMessage;
  readonly admit: number;
  readonly incarnation: number;
  readonly generation: number;
  readonly since: TimestampMessage;
  readonly open_until?: TimestampMessage;
  readonly window: WindowMessage;
  readonly policy?: PolicyMessage;
  readonly override?: { readonly author: string; readonly reason: string; readonly control_offset: number; readonly until?: TimestampMessage };
  readonly position: { readonly partition: number; readonly next_offset: number };
}

export interface CauseMessage {
  readonly outcome?: { readonly partition: number; readonly offset: number; readonly id: string };
  readonly deadline?: object;
  readonly override?: { readonly author: string; readonly control_offset: number };
  readonly policy?: { readonly author: string; readonly control_offset: number };
}

export interface TransitionMessage {
  readonly upstream: string;
  readonly incarnation: number;
  readonly generation: number;
  readonly from: StateMessage;
  readonly to: StateMessage;
  readonly at: TimestampMessage;
  readonly reason: string;
  readonly cause: CauseMessage;
  readonly window: WindowMessage;
  readonly policy?: PolicyMessage;
  readonly open_until?: TimestampMessage;
}

/** How a reader looks at a snapshot. */
export interface View {
  readonly partition: number;
  /** The reader's clock, ms since 1970. */
  readonly nowMs: number;
  /** Of the policy in force, for T3; absent (the policy is gone): the window is shown as it is. */
  readonly statTimeWindowMs?: number;
}

const UINT32_MAX = 4_294_967_295;
const EMPTY: WindowCounts = { total: 0, errors: 0, slow: 0 };

export function breakerMessage(snapshot: Snapshot, view: View): BreakerMessage {
  const { upstream, state, untilMs, override, policy, ...now } = asOf(snapshot, view.nowMs);
  const until = given('until', untilMs === undefined ? undefined : timestampMessage(untilMs));
  return {
    upstream,
    state: stateMessage(state),
    admit: now.admit,
    incarnation: now.incarnation,
    generation: now.generation,
    since: timestampMessage(now.sinceMs),
    ...given('open_until', state === 'open' ? until.until : undefined),
    window: windowMessage(hasEnded(now.window, view) ? EMPTY : now.window),
    ...given('policy', policy && policyMessage(policy)),
    ...given('override', override && { author: override.author, reason: override.reason, control_offset: override.controlOffset, ...until }),
    position: { partition: view.partition, next_offset: now.next },
  };
}

export function transitionMessage(transition: Transition): TransitionMessage {
  const { policy, openUntilMs } = transition;
  return {
    upstream: transition.upstream,
    incarnation: transition.incarnation,
    generation: transition.generation,
    from: stateMessage(transition.from),
    to: stateMessage(transition.to),
    at: timestampMessage(transition.atMs),
    reason: transition.reason,
    cause: causeMessage(transition.cause),
    window: windowMessage(transition.window),
    ...given('policy', policy && policyMessage(policy)),
    ...given('open_until', openUntilMs === undefined ? undefined : timestampMessage(openUntilMs)),
  };
}

export function stateMessage(state: BreakerState): StateMessage {
  return state === 'open' ? 'STATE_OPEN' : 'STATE_CLOSED';
}

export function timestampMessage(timeMs: number): TimestampMessage {
  const seconds = Math.floor(timeMs / 1_000);
  return { seconds, nanos: Math.round((timeMs - seconds * 1_000) * 1e6) };
}

/** The inverse of `timestampMessage`, ms since 1970. */
export function timeOfMessage({ seconds, nanos }: TimestampMessage): number {
  return seconds * 1_000 + Math.round(nanos / 1e3) / 1e3;
}

/** T5: an expiry has the same content whoever notices it. */
function asOf(snapshot: Snapshot, nowMs: number): Snapshot {
  const { untilMs, override: _override, ...rest } = snapshot;
  if (untilMs === undefined || nowMs < untilMs) return snapshot;
  return { ...rest, state: 'closed', admit: 1, generation: snapshot.generation + 1, sinceMs: untilMs, window: EMPTY };
}

/** T3: it covers [start, start + statTimeWindow). */
function hasEnded(window: WindowCounts, { nowMs, statTimeWindowMs }: View): boolean {
  return window.startedAtMs !== undefined && statTimeWindowMs !== undefined && nowMs >= window.startedAtMs + statTimeWindowMs;
}

function windowMessage(window: WindowCounts): WindowMessage {
  return {
    ...given('started_at', window.startedAtMs === undefined ? undefined : timestampMessage(window.startedAtMs)),
    total: Math.min(window.total, UINT32_MAX),
    errors: Math.min(window.errors, UINT32_MAX),
    slow: Math.min(window.slow, UINT32_MAX),
  };
}

function policyMessage({ name, namespace, version, enforced }: PolicyIdentity): PolicyMessage {
  return { name, namespace, version, ...given('enforced', enforced) };
}

function causeMessage(cause: Cause): CauseMessage {
  switch (cause.kind) {
    case 'outcome':
      return { outcome: { partition: cause.partition, offset: cause.offset, id: cause.id ?? '' } };
    case 'deadline':
      return { deadline: {} };
    case 'override':
      return { override: { author: cause.author, control_offset: cause.controlOffset } };
    case 'policy':
      return { policy: { author: cause.author, control_offset: cause.controlOffset } };
  }
}

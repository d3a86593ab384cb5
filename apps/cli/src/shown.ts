/** A breaker's message for people and programs: times as RFC 3339, states as words. The console's HTTP says the same. */
import { formatDuration, timeOfMessage, type BreakerMessage, type TimestampMessage } from '#wire';

export interface ShownBreaker {
  readonly upstream: string;
  readonly state: string;
  readonly admit: number;
  readonly incarnation: number;
  readonly generation: number;
  readonly since: string;
  readonly open_until?: string;
  readonly window: { readonly started_at?: string; readonly total: number; readonly errors: number; readonly slow: number };
  /** `enforced` absent: it is. */
  readonly policy?: { readonly name: string; readonly namespace: string; readonly version: string; readonly enforced?: false };
  readonly override?: { readonly author: string; readonly reason: string; readonly control_offset: number; readonly until?: string };
  readonly position: { readonly partition: number; readonly next_offset: number };
}

/** What isn't there is null in a message, and left out here. */
export function shown({ upstream, state, admit, incarnation, generation, ...message }: BreakerMessage): ShownBreaker {
  const { since, open_until: openUntil, window, policy, override, position } = message;
  return {
    upstream,
    state: stateWord(state),
    admit,
    incarnation,
    generation,
    since: timeText(since),
    ...(openUntil && { open_until: timeText(openUntil) }),
    window: { ...(window.started_at && { started_at: timeText(window.started_at) }), total: window.total, errors: window.errors, slow: window.slow },
    ...(policy && { policy: { name: policy.name, namespace: policy.namespace, version: policy.version, ...(policy.enforced === false && { enforced: policy.enforced }) } }),
    ...(override && { override: shownOverride(override) }),
    position: { partition: position.partition, next_offset: position.next_offset },
  };
}

function shownOverride({ author, reason, control_offset, until }: NonNullable<BreakerMessage['override']>): NonNullable<ShownBreaker['override']> {
  return { author, reason, control_offset, ...(until && { until: timeText(until) }) };
}

/** RFC 3339. */
export function timeText(time: TimestampMessage): string {
  return new Date(timeOfMessage(time)).toISOString();
}

/** Of the proto's name of a state. */
export function stateWord(state: string): string {
  return state.replace('STATE_', '').toLowerCase();
}

export const HEADING = ['UPSTREAM', 'STATE', 'UNTIL', 'GENERATION', 'CALLS', 'ERRORS', 'SLOW', 'POLICY', 'OVERRIDE'];

/** For people: a state that refuses nothing is no open one to them. */
export function stateInWords({ state, admit }: Pick<ShownBreaker, 'state' | 'admit'>): string {
  return state === 'open' && admit > 0 ? 'would open' : state;
}

/** When its state ends by itself; undefined: it doesn't. */
export function untilOf({ open_until: openUntil, override }: ShownBreaker): string | undefined {
  return openUntil ?? override?.until;
}

/** In whole seconds, from an hour on in whole minutes; never negative, for clocks differ. */
export function roughly(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1_000));
  return s === 0 ? '0s' : formatDuration((s < 3_600 ? s : s - (s % 60)) * 1_000);
}

/** A line of a table. */
export function row(breaker: ShownBreaker): string[] {
  const { upstream, generation, window, policy, override } = breaker;
  return [
    upstream,
    stateInWords(breaker),
    untilOf(breaker) ?? '-',
    `${generation}`,
    `${window.total}`,
    `${window.errors}`,
    `${window.slow}`,
    policy === undefined ? '(deleted)' : `${policy.namespace}/${policy.name}@${policy.version}`,
    override === undefined ? '-' : `${override.author}: ${override.reason}`,
  ];
}

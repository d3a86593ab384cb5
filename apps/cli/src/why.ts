/** Why an upstream is as it is, for people: since when, until when, by what or whom, and whose callers are refused. */
import { formatDuration, timeOfMessage, type TransitionMessage } from '#wire';
import { Failure } from './failure.ts';
import { roughly, stateInWords, timeText, untilOf, type ShownBreaker } from './shown.ts';
import { table } from './table.ts';

/** What could be found out beside the state itself, or why it could not. */
export interface Evidence {
  /** Newest first. */
  readonly transitions: readonly TransitionMessage[] | Failure;
  readonly refusals: Refusals | Failure;
}

/** Of the last minute, by what the proxies say. */
export interface Refusals {
  /** Those that refused calls of this upstream, the most first. */
  readonly at: readonly { readonly proxy: string; readonly calls: number }[];
  /** How many proxies were asked. */
  readonly proxies: number;
}

const PROXIES_NAMED_MAX = 5;
const HOUR_MS = 3_600_000;

/** @param nowMs ms since 1970 */
export function whyText(breaker: ShownBreaker, { transitions, refusals }: Evidence, nowMs: number): string {
  const since = `${breaker.since}, ${roughly(nowMs - Date.parse(breaker.since))} ago`;
  return table([
    [`${stateInWords(breaker)} since`, [since, ...endOf(breaker, nowMs)].join('; ')],
    ...(transitions instanceof Failure ? [['because', because(breaker) ?? unknown(transitions)]] : changeRows(breaker, transitions, nowMs)),
    ...refusedRows(breaker, refusals),
  ]);
}

function endOf(breaker: ShownBreaker, nowMs: number): string[] {
  const { upstream, override } = breaker;
  const until = untilOf(breaker);
  const ends = [...(until === undefined ? [] : [`by itself in ${roughly(Date.parse(until) - nowMs)}`]), ...(override === undefined ? [] : [`with \`fuseboard clear ${upstream}\``])];
  return ends.length === 0 ? [] : [`ends ${ends.join(', or ')}`];
}

function changeRows(breaker: ShownBreaker, transitions: readonly TransitionMessage[], nowMs: number): string[][] {
  const { incarnation, generation, upstream } = breaker;
  const change = transitions.find((each) => each.generation === generation && each.incarnation === incarnation);
  const trips = transitions.filter(({ cause }) => cause.outcome);
  const [trip] = trips;
  const lately = trips.filter(({ at }) => timeOfMessage(at) > nowMs - HOUR_MS).length;
  return [
    ['because', because(breaker) ?? changeText(breaker, change, transitions)],
    ...(change?.cause.outcome ? [['by', outcomeText(change)]] : []),
    ...(trip !== undefined && trip !== change ? [['last trip', `${timeText(trip.at)}, ${roughly(nowMs - timeOfMessage(trip.at))} ago: ${trippedText(trip)}; by ${outcomeText(trip)}`]] : []),
    ...(lately > 1 ? [['trips', `${lately} in the last hour: \`fuseboard history ${upstream}\` has each`]] : []),
  ];
}

/** What the state itself says of it; undefined: nothing. */
function because({ state, override, policy }: ShownBreaker): string | undefined {
  if (override !== undefined) return `held ${state} by ${override.author}: ${override.reason} (control ${override.control_offset})`;
  return policy === undefined ? 'its policy was deleted' : undefined;
}

function changeText(breaker: ShownBreaker, change: TransitionMessage | undefined, [newest]: readonly TransitionMessage[]): string {
  if (change?.cause.outcome) return `${trippedText(change)}${breaker.admit > 0 ? '; no call is refused, for its policy is not enforced' : ''}`;
  const control = change?.cause.override ?? change?.cause.policy;
  if (change !== undefined) return `${change.reason}${control ? `, by ${control.author} (control ${control.control_offset})` : ''}`;
  if (newest === undefined) return breaker.generation === 1 ? 'it has not changed yet' : 'its changes are older than what the history keeps';
  // A lease that is over is shown so before anybody has told it (T4).
  return newest.open_until && timeText(newest.open_until) === breaker.since ? 'its time is over' : 'its change is not told yet: ask again';
}

/** The threshold that was crossed, and the window that crossed it; the reason has the counts of the one that was reached. */
function trippedText({ reason, window: { started_at: startedAt, errors, slow }, at }: TransitionMessage): string {
  const within = startedAt ? ` in ${formatDuration(timeOfMessage(at) - timeOfMessage(startedAt))}` : '';
  return `${reason}${within}${errors > 0 && slow > 0 ? `; ${errors} errors, ${slow} slow` : ''}`;
}

function outcomeText({ cause }: TransitionMessage): string {
  const { partition = 0, offset = 0, id = '' } = cause.outcome ?? {};
  return `outcome ${partition}@${offset}${id === '' ? '' : ` ${id}`}`;
}

function refusedRows(breaker: ShownBreaker, refusals: Refusals | Failure): string[][] {
  if (refusals instanceof Failure) return [['refused', unknown(refusals)]];
  const { at, proxies } = refusals;
  if (at.length === 0) return breaker.admit > 0 ? [] : [['refused', `no call in the last minute, at ${counted(proxies, 'proxy', 'proxies')}`]];
  const calls = at.reduce((sum, each) => sum + each.calls, 0);
  const named = at.slice(0, PROXIES_NAMED_MAX).map((each) => `${each.proxy} ${each.calls}`);
  const rest = at.length - named.length;
  return [['refused', `${counted(calls, 'call', 'calls')} in the last minute, at ${at.length} of ${counted(proxies, 'proxy', 'proxies')}: ${named.join(', ')}${rest > 0 ? `, and ${rest} more` : ''}`]];
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

function unknown({ message }: Failure): string {
  return `not known: ${message}`;
}

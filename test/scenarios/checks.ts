/**
 * What must be true of a load, held against three witnesses: the callers, the upstream and the transitions log. Nothing
 * here depends on how quick the machine is; what a rule leaves to timing is a range, and the range's reason is named.
 */
import type { TransitionView } from '../support/console-client.ts';
import type { TripScenario } from './catalogue.ts';
import { byStatus, inWords, type CallEnd } from './load.ts';
import type { Scale } from './scale.ts';
import type { Arrival } from './upstream.ts';

export interface Check {
  /** What must be so. */
  readonly claim: string;
  readonly ok: boolean;
  /** What was. */
  readonly seen: string;
}

export function check(claim: string, ok: boolean, seen: unknown): Check {
  return { claim, ok, seen: typeof seen === 'string' ? seen : (JSON.stringify(seen) ?? String(seen)) };
}

/** A load that tripped, as each witness saw it. */
export interface TrippedLoad {
  readonly ends: readonly CallEnd[];
  readonly arrivals: readonly Arrival[];
  readonly transition: TransitionView;
}

/** Ratio of the policies. */
const RATIO = 0.1;
const SLOW_MS = 200;
/** A lease ends by a corrected clock: the last moments before `openUntil` are not judged, ms. */
const CLOCK_TOLERANCE_MS = 100;

/**
 * How many answers of the upstream callers may see beyond those counted: calls in flight at the trip, and those let
 * through while the outcome that trips is on its way.
 */
export function letThroughMax({ connections, qps, tripWithinMs }: Pick<Scale, 'connections' | 'qps' | 'tripWithinMs'>): number {
  return connections + Math.ceil((qps * tripWithinMs) / 1000);
}

export function checkTrippedLoad(load: TrippedLoad, scenario: TripScenario, scale: Scale): Check[] {
  const { ends, arrivals, transition } = load;
  const passed = ends.filter((end) => isPassed(end));
  const after = passed.length - transition.window.total;
  const allowed = letThroughMax(scale);
  return [
    check('closed → open, because of an outcome', isTrip(transition), transition),
    ...checkWindow(load, scenario, scale),
    check(`openUntil is ${scale.degradedTimeWindow} after the trip`, openForMs(transition) === scale.degradedTimeWindowMs, `${openForMs(transition)} ms`),
    check(`at most ${allowed} of the upstream's answers beyond those counted`, after >= 0 && after <= allowed, after),
    check('the callers saw what the upstream answered', sameStatuses(passed, arrivals), statusesOf(passed, arrivals)),
    ...checkRefusals(ends, scenario, scale),
  ];
}

/** The trip falls where the rule says. */
function checkWindow({ ends, arrivals, transition }: TrippedLoad, { trip: { counter, by } }: TripScenario, scale: Scale): Check[] {
  const { amountThreshold, minRequestAmount } = scale;
  const { total, [counter]: counted } = transition.window;
  const where = by === 'amount'
    ? [check(`tripped by number ${amountThreshold} of ${counter}`, counted === amountThreshold, counted)]
    : [
        check(`tripped at request ${minRequestAmount}`, total === minRequestAmount, total),
        check(`${counter} / total ≥ ${RATIO}`, counted / total >= RATIO, `${counted} / ${total}`),
      ];
  if (counter === 'slow') return [...where, ...checkSlow(ends, arrivals, { counted, scale })];
  return by === 'amount' ? [...where, checkPlace(arrivals, total, scale)] : where;
}

/**
 * The N-th error that is counted is one of those that arrived as number N to N + 9, because 9 others may be in flight
 * when it ends; and as many of those that arrived before it may not have been counted yet.
 */
function checkPlace(arrivals: readonly Arrival[], total: number, { amountThreshold, connections }: Scale): Check {
  const errors = arrivals.flatMap(({ status }, i) => (status > 499 ? [i + 1] : []));
  const first = (errors[amountThreshold - 1] ?? Infinity) - (connections - 1);
  const last = (errors[amountThreshold + connections - 1] ?? arrivals.length + 1) - 1;
  return check(`tripped between request ${first} and ${last}, by the upstream's own record`, total >= first && total <= last, total);
}

/** The proxy's time for a call lies between the upstream's delay and the caller's time, so both bound what it counted. */
function checkSlow(ends: readonly CallEnd[], arrivals: readonly Arrival[], { counted, scale }: { counted: number; scale: Scale }): Check[] {
  const delayed = arrivals.filter(({ delayMs }) => delayMs >= SLOW_MS).length;
  const slowForCallers = ends.filter((end) => isPassed(end) && end.durationMs >= SLOW_MS).length;
  return [
    check(`counted as slow: no more than took ${SLOW_MS} ms for their callers`, counted <= slowForCallers, `${counted} of ${slowForCallers}`),
    check(`no delayed call that ended was missed`, delayed <= counted + letThroughMax(scale), `${delayed} delayed, ${counted} counted`),
  ];
}

/** The degraded answer is the policy's, whole; and once one was seen, nothing else is. */
function checkRefusals(ends: readonly CallEnd[], { degradedStatusCode }: TripScenario, { degradedTimeWindowMs }: Scale): Check[] {
  const degraded = ends.filter((end) => end.degraded);
  const firstMs = Math.min(...degraded.map(({ doneMs }) => doneMs));
  const lateAnswers = ends.filter((end) => !end.degraded && end.sentMs > firstMs);
  const odd = degraded.filter((end) => !isAsThePolicySays(end, degradedStatusCode, degradedTimeWindowMs));
  return [
    check('calls were refused', degraded.length > 0, degraded.length),
    check(`every refusal is ${degradedStatusCode} with the policy's body and headers`, odd.length === 0, odd.slice(0, 3)),
    check('nothing but refusals after the first one', lateAnswers.length === 0, inWords(byStatus(lateAnswers))),
    check('no call failed', ends.every(({ failure }) => failure === undefined), inWords(byStatus(ends))),
  ];
}

function isAsThePolicySays({ status, own }: CallEnd, expected: number, degradedTimeWindowMs: number): boolean {
  const retryAfter = Number(own?.retryAfter);
  return (
    status === expected &&
    own?.body === 'Coming soon ...' &&
    own.cacheControl === 'no-store' &&
    own.contentType === 'text/plain; charset=utf-8' &&
    Number.isInteger(retryAfter) &&
    retryAfter >= 1 &&
    retryAfter <= Math.ceil(degradedTimeWindowMs / 1000)
  );
}

/** The second load: what ended before `openUntil` was refused, and the upstream saw none of it. */
export function checkWhileOpen(ends: readonly CallEnd[], scenario: TripScenario, { scale, openUntilMs }: { scale: Scale; openUntilMs: number }): Check[] {
  const inTime = ends.filter(({ doneMs }) => doneMs < openUntilMs - CLOCK_TOLERANCE_MS);
  const passed = inTime.filter((end) => !end.degraded);
  // At osm-edge's own scale all of the load fits into the minute; at the small one a slow machine may get less of it in.
  const least = scale.name === 'real' ? scale.calls : scale.connections;
  return [
    check(`at least ${least} calls while open`, inTime.length >= least, inTime.length),
    check('while open: nothing but refusals', passed.length === 0, inWords(byStatus(passed))),
    ...checkRefusals(inTime, scenario, scale),
  ];
}

export function checkClosing(closing: TransitionView, opening: TransitionView): Check[] {
  const { openUntilMs, generation } = opening;
  return [
    check('open → closed, by its deadline', closing.from === 'open' && closing.to === 'closed' && closing.cause.kind === 'deadline', closing),
    check('closed exactly at openUntil', closing.atMs === openUntilMs, `${closing.atMs} and ${openUntilMs}`),
    check('the next generation', closing.generation === generation + 1, closing.generation),
  ];
}

function isTrip({ from, to, cause }: TransitionView): boolean {
  return from === 'closed' && to === 'open' && cause.kind === 'outcome';
}

function openForMs({ atMs, openUntilMs = Number.NaN }: TransitionView): number {
  return openUntilMs - atMs;
}

/** Answered by the upstream. */
export function isPassed({ status, degraded, overloaded }: CallEnd): boolean {
  return status !== undefined && !degraded && !overloaded;
}

function sameStatuses(passed: readonly CallEnd[], arrivals: readonly Arrival[]): boolean {
  return statusesOf(passed, []) === statusesOf(arrivals, []);
}

function statusesOf(seen: readonly { readonly status?: number }[], other: readonly { readonly status?: number }[]): string {
  const words = (ends: readonly { readonly status?: number }[]): string => inWords(byStatus(ends as CallEnd[]));
  return other.length === 0 ? words(seen) : `callers ${words(seen)}, upstream ${words(other)}`;
}

/** What a document would do to the one before, and to its breaker as it is now: for whoever is about to apply it. */
import { isEnforced, measuresAlike, tripsOn, type Document, type Policy, type WindowCounts } from '#engine';
import { formatDuration, tripRates } from '#wire';
import type { BreakerView } from '../breaker-view.ts';
import { aboutOf } from './control-book.ts';
import { changesBetween, type FieldChange } from './field-changes.ts';

export interface PolicyPlan {
  readonly change: 'create' | 'change' | 'none';
  /** '': there was none. */
  readonly versionBefore: string;
  readonly fields: readonly FieldChange[];
  /** C3. `none`: there is no breaker before, or after. */
  readonly window: 'kept' | 'new' | 'none';
  readonly effects: readonly string[];
  /** At the traffic of the present window. */
  readonly tripRates: readonly string[];
}

export interface Planned {
  readonly before: Document | undefined;
  readonly after: Document;
  /** Of the upstream after; undefined: there is none, or it isn't known. */
  readonly view: BreakerView | undefined;
  readonly nowMs: number;
}

export function planOf(planned: Planned): PolicyPlan {
  const { before, after, view, nowMs } = planned;
  const [old, policy] = [policyOf(before), policyOf(after)];
  const stays = old !== undefined && policy !== undefined && old.upstream === policy.upstream;
  const change = before === undefined ? 'create' : before.version === after.version ? 'none' : 'change';
  return {
    change,
    versionBefore: before?.version ?? '',
    fields: change === 'none' ? [] : changesBetween(before?.body, after.body),
    window: !stays ? 'none' : measuresAlike(old, policy) ? 'kept' : 'new',
    effects: change === 'none' ? [`nothing changes: version ${after.version} is in force already`] : effectsOf(planned, old, policy),
    tripRates: policy === undefined ? [] : ratesOf(policy, view, nowMs),
  };
}

function policyOf(document: Document | undefined): Policy | undefined {
  return document?.kind === 'UpstreamTrafficSetting' ? document.breaker : undefined;
}

function effectsOf({ before, after, view }: Planned, old: Policy | undefined, policy: Policy | undefined): string[] {
  const effects: string[] = [];
  if (before !== undefined && aboutOf(before) !== aboutOf(after)) effects.push(`${aboutOf(before)} is given up, and ${aboutOf(after)} begins`);
  if (old !== undefined && policy?.upstream !== old.upstream) effects.push(`the breaker of ${old.upstream} is taken away: it closes, its window and override are gone`);
  if (policy === undefined) return effects;
  if (old?.upstream !== policy.upstream) return [...effects, `the breaker of ${policy.upstream} begins closed, with an empty window`];
  if (!measuresAlike(old, policy)) effects.push(newWindow(old, policy));
  return view === undefined ? [...effects, 'the present state is not known'] : [...effects, ...onState(view, old, policy)];
}

function newWindow(old: Policy, policy: Policy): string {
  const changed = [
    ...(old.statTimeWindowMs === policy.statTimeWindowMs ? [] : [`statTimeWindow ${formatDuration(old.statTimeWindowMs)} → ${formatDuration(policy.statTimeWindowMs)}`]),
    ...(old.slowTimeThresholdMs === policy.slowTimeThresholdMs ? [] : [`slowTimeThreshold ${formatDuration(old.slowTimeThresholdMs)} → ${formatDuration(policy.slowTimeThresholdMs)}`]),
  ];
  return `a new, empty window begins: what is measured changes (${changed.join(', ')})`;
}

function onState({ snapshot }: BreakerView, old: Policy, policy: Policy): string[] {
  const { state, untilMs, override, window } = snapshot;
  const until = untilMs === undefined ? 'until it is cleared' : `until ${new Date(untilMs).toISOString()}`;
  if (override !== undefined) return [`forced ${state} by ${override.author} ${until}: stays so`];
  if (state === 'open') return [`now open ${until}: stays so`, ...onEnforcing(old, policy)];
  const counts: WindowCounts = measuresAlike(old, policy) ? window : { total: 0, errors: 0, slow: 0 };
  return [`now ${counts.errors} errors of ${counts.total} calls, ${counts.slow} slow: ${verdict(counts, policy)}`];
}

function onEnforcing(old: Policy, policy: Policy): string[] {
  const [was, is] = [isEnforced(old.identity), isEnforced(policy.identity)];
  if (was === is) return [];
  return [is ? 'it refuses calls from now on, until then' : 'it refuses no calls any more'];
}

/** C3: taken into force it trips nothing; the next outcome is judged by it. */
function verdict({ total, errors, slow }: WindowCounts, policy: Policy): string {
  const opens = isEnforced(policy.identity) ? 'would open' : 'would be shown as "would open"';
  if (tripsOn({ total: total + 1, errors, slow }, policy) !== undefined) return `${opens} at the next outcome, even a good one`;
  if (tripsOn({ total: total + 1, errors: errors + 1, slow }, policy) !== undefined) return `${opens} at the next error`;
  return 'would not open; it is judged at the next outcome';
}

/** A window that began a moment ago says little: it counts as one of a second. */
const SPAN_MIN_MS = 1_000;

function ratesOf(policy: Policy, view: BreakerView | undefined, nowMs: number): string[] {
  const { startedAtMs, total = 0 } = view?.snapshot.window ?? {};
  if (startedAtMs === undefined || total === 0) return [];
  const perSecond = (total * 1_000) / Math.max(SPAN_MIN_MS, nowMs - startedAtMs);
  return tripRates(policy, Number(perSecond.toPrecision(3))).map(({ text }) => text);
}

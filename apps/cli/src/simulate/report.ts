/** What a simulation came to, for people: the calls over time, each opening with its evidence, and the ledgers side by side. */
import { formatDuration } from '#wire';
import { paint } from '../colour.ts';
import { table } from '../table.ts';
import { calls, share, timeOf } from './figures.ts';
import { pictureText } from './picture.ts';
import type { PolicyResult, SimulatedTransition } from './policy-run.ts';
import type { Simulation } from './simulation.ts';

/** Openings listed of each policy. */
const OPENINGS_MAX = 25;

export interface ReportContext {
  readonly simulation: Pick<Simulation, 'seen' | 'timeline'>;
  readonly placeOf: (offset: number) => string;
  /** Of the terminal; Infinity: there is none. */
  readonly columns: number;
}

export function reportText(results: readonly PolicyResult[], context: ReportContext): string {
  const { seen } = context.simulation;
  if (seen.calls === 0) return seen.strangers === 0 ? 'there is no call to try a policy on\n' : 'no call is of an upstream that a policy names\n';
  const upstreams = [...new Set(results.map(({ policy }) => policy.upstream))];
  const spanMs = seen.lastMs - seen.firstMs;
  const heading = `${calls(seen.calls)} ${seen.calls === 1 ? 'call' : 'calls'} of ${upstreams.length > 3 ? `${upstreams.length} upstreams` : upstreams.join(', ')}, from ${timeOf(seen.firstMs)} UTC on, in ${formatDuration(spanMs)}`;
  const parts = [heading, pictureText(results, context.simulation.timeline, context.columns), ...results.map((result) => openingsText(result, context)), ledgersText(results, seen)];
  return `${parts.join('\n\n')}\n`;
}

function openingsText(result: PolicyResult, { placeOf }: Pick<ReportContext, 'placeOf'>): string {
  const { name, policy, transitions, trips } = result;
  const title = paint('bold', name);
  if (trips === 0) return `${title} would never have opened ${policy.upstream}`;
  const opened = openingsOf(transitions);
  const rows = opened.slice(0, OPENINGS_MAX).map(({ open, closedMs }) => {
    const { atMs, reason, window } = open.transition;
    const within = window.startedAtMs === undefined ? '' : ` in ${formatDuration(atMs - window.startedAtMs)}`;
    return [paint('red', timeOf(atMs)), closedMs === undefined ? '-' : timeOf(closedMs), `${reason}${within}`, placeOf(open.offset)];
  });
  const rest = trips - rows.length;
  const lines = [`${title} would have opened ${policy.upstream} ${trips === 1 ? 'once' : `${trips} times`}`, table([['OPENED', 'CLOSED', 'WHY', 'BY'], ...rows])];
  return [...lines, ...(rest > 0 ? [`and ${rest} more (-o json)`] : [])].join('\n');
}

interface Opening {
  readonly open: SimulatedTransition;
  readonly closedMs: number | undefined;
}

function openingsOf(transitions: readonly SimulatedTransition[]): Opening[] {
  return transitions.flatMap((open, n) => (open.transition.to === 'open' ? [{ open, closedMs: transitions[n + 1]?.transition.atMs }] : []));
}

function ledgersText(results: readonly PolicyResult[], seen: ReportContext['simulation']['seen']): string {
  const row = (label: string, of: (result: PolicyResult) => string): string[] => [label, ...results.map(of)];
  const counted = (label: string, of: (ledger: PolicyResult['ledger']) => number): string[] => row(label, ({ ledger }) => `${calls(of(ledger))}  ${share(of(ledger), ledger.calls)}`);
  const rows = [
    row('LEDGER', ({ name }) => name),
    row('calls', ({ ledger }) => `${calls(ledger.calls)}  ${share(1, 1)}`),
    counted('refused', ({ refused }) => refused),
    counted('  errors kept from callers', ({ keptErrors }) => keptErrors),
    counted('  slow calls kept from callers', ({ keptSlow }) => keptSlow),
    counted('  good calls refused', ({ refusedGood }) => refusedGood),
    row('open', ({ ledger, transitions }) => `${formatDuration(ledger.openMs)}  ${shareOpen(ledger, transitions, seen)}`),
    row('times opened', ({ trips }) => `${calls(trips)}  ${' '.repeat(share(1, 1).length)}`),
  ];
  return table(rows, results.map((_, n) => n + 1));
}

/** Of the time that the calls took: what it would have been open beyond them is no part of that. */
function shareOpen({ openMs }: PolicyResult['ledger'], transitions: readonly SimulatedTransition[], { firstMs, lastMs }: ReportContext['simulation']['seen']): string {
  const last = transitions.at(-1)?.transition;
  const beyondMs = last?.to === 'closed' ? Math.max(0, last.atMs - lastMs) : 0;
  return share(Math.max(0, openMs - beyondMs), lastMs - firstMs);
}

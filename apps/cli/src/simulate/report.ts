/** What a simulation came to, for people. */
import type { PolicyResult, SimulatedTransition } from './policy-run.ts';
import type { Seen } from './simulation.ts';
import { table } from '../table.ts';

export interface ReportContext {
  readonly seen: Readonly<Seen>;
  readonly placeOf: (offset: number) => string;
}

export function reportText(results: readonly PolicyResult[], context: ReportContext): string {
  const parts = results.map((result) => transitionsText(result, context));
  return `${[...parts, ledgerText(results)].join('\n\n')}\n`;
}

function transitionsText({ name, policy, transitions }: PolicyResult, { placeOf }: ReportContext): string {
  const heading = `${name}: ${policy.upstream}`;
  if (transitions.length === 0) return `${heading}\n  it would never have opened`;
  const rows = transitions.map(({ offset, transition }: SimulatedTransition) => {
    const { atMs, from, to, reason, cause } = transition;
    return ['', new Date(atMs).toISOString(), `${from} → ${to}`, reason, cause.kind === 'outcome' ? placeOf(offset) : ''];
  });
  return `${heading}\n${table([['', 'TIME', 'STATE', 'WHY', 'AT'], ...rows])}`;
}

function ledgerText(results: readonly PolicyResult[]): string {
  const row = (label: string, of: (result: PolicyResult) => string): string[] => [label, ...results.map(of)];
  return table([
    row('LEDGER', ({ name }) => name),
    row('calls', ({ ledger }) => `${ledger.calls}`),
    row('refused', ({ ledger }) => `${ledger.refused}`),
    row('  of them good', ({ ledger }) => `${ledger.refusedGood}`),
    row('  of them errors', ({ ledger }) => `${ledger.keptErrors}`),
    row('  of them slow', ({ ledger }) => `${ledger.keptSlow}`),
    row('open', ({ ledger }) => `${ledger.openMs / 1_000} s`),
  ]);
}

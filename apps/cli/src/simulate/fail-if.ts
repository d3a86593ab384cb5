/** `--fail-if 'refused_good > 0.1%'`: what a build must not let pass, judged for each policy. */
import type { PolicyResult } from './policy-run.ts';

const MEASURES: Readonly<Record<string, (result: PolicyResult) => number>> = {
  refused: ({ ledger }) => ledger.refused,
  refused_good: ({ ledger }) => ledger.refusedGood,
  kept_errors: ({ ledger }) => ledger.keptErrors,
  kept_slow: ({ ledger }) => ledger.keptSlow,
  calls: ({ ledger }) => ledger.calls,
  trips: ({ trips }) => trips,
  open_seconds: ({ ledger }) => ledger.openMs / 1_000,
};
/** Numbers of calls, which can be a share of all. */
const SHARES: ReadonlySet<string> = new Set(['refused', 'refused_good', 'kept_errors', 'kept_slow']);
const HOLDS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '==': (a, b) => a === b,
};

export const FAIL_IF_ALLOWED = `MEASURE > NUMBER, MEASURE one of ${Object.keys(MEASURES).join(', ')}; > or >=, <, <=, ==; NUMBER% of calls for ${[...SHARES].join(', ')}`;

export interface Condition {
  readonly text: string;
  readonly measure: string;
  readonly comparison: string;
  readonly limit: number;
  /** The limit is in percent of the policy's calls. */
  readonly isShare: boolean;
}

/** Undefined: it can't be read. */
export function parseCondition(text: string): Condition | undefined {
  const [, measure = '', comparison = '', number = '', percent] = /^\s*([a-z_]+)\s*(>=|>|<=|<|==)\s*(\d+(?:\.\d+)?)\s*(%?)\s*$/.exec(text) ?? [];
  const isShare = percent === '%';
  if (!Object.hasOwn(MEASURES, measure) || (isShare && !SHARES.has(measure))) return undefined;
  return { text: text.trim(), measure, comparison, limit: Number(number), isShare };
}

/** A line for each condition that holds of a policy. */
export function failures(results: readonly PolicyResult[], conditions: readonly Condition[]): string[] {
  return results.flatMap((result) => conditions.filter((condition) => holds(result, condition)).map((condition) => failureText(result, condition)));
}

/** Of no call there is no share. */
function holds(result: PolicyResult, condition: Condition): boolean {
  const measured = measuredOf(result, condition);
  return !Number.isNaN(measured) && HOLDS[condition.comparison]?.(measured, condition.limit) === true;
}

function measuredOf(result: PolicyResult, { measure, isShare }: Condition): number {
  const measured = MEASURES[measure]?.(result) ?? Number.NaN;
  return isShare ? (100 * measured) / result.ledger.calls : measured;
}

function failureText(result: PolicyResult, condition: Condition): string {
  const measured = measuredOf(result, condition);
  const shown = Number(measured.toPrecision(4));
  const found = condition.isShare ? `${shown} % of ${result.ledger.calls} calls` : `${shown}`;
  return `${result.name}: ${condition.measure} is ${found}: --fail-if '${condition.text}'`;
}

/** The run as a table for people, and as JSON. */
import { inWords } from './load.ts';
import type { Run } from './run-all.ts';
import type { Row } from './stage.ts';

const HEAD = ['#', 'policy', 'calls by status', 'tripped at', 'while open', 'closed after', 'tripped again', 'expected', 'verdict'] as const;

export function isMet({ checks }: Row): boolean {
  return checks.every(({ ok }) => ok);
}

/** Did everything go as it must, the process's end included? */
export function hasPassed({ rows, exitCode }: Run): boolean {
  return rows.length > 0 && rows.every((row) => isMet(row)) && exitCode === 0;
}

export function table({ rows }: Run): string {
  const cells = [HEAD, ...rows.map((row) => cellsOf(row))];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const lines = cells.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
  const [head = '', ...rest] = lines;
  return [head, widths.map((width) => '-'.repeat(width)).join('  '), ...rest].join('\n');
}

function cellsOf(row: Row): string[] {
  const { id, policy, calls, tripped = '–', whileOpen = '–', closedAfterMs, again = '–', expected } = row;
  const closed = closedAfterMs === undefined ? '–' : `${(closedAfterMs / 1000).toFixed(1)} s`;
  return [id, policy, inWords(calls), tripped, whileOpen, closed, again, expected, isMet(row) ? 'ok' : 'MISS'];
}

/** What was claimed and what was seen, for each miss; empty where there is none. */
export function misses({ rows, exitCode, output }: Run): string {
  const lines = rows.flatMap(({ id, checks }) =>
    checks.filter(({ ok }) => !ok).map(({ claim, seen }) => `MISS ${id}: ${claim}\n       seen: ${seen}`),
  );
  if (exitCode !== 0) lines.push(`MISS: the process ends with 0 after SIGTERM\n       seen: ${exitCode ?? 'it had to be killed'}`);
  if (lines.length > 0) lines.push('', 'what the process said:', output.trimEnd());
  return lines.join('\n');
}

export function toJson(run: Run): string {
  const rows = run.rows.map((row) => ({ ...row, calls: Object.fromEntries(row.calls), met: isMet(row) }));
  return `${JSON.stringify({ passed: hasPassed(run), exitCode: run.exitCode, tookMs: Math.round(run.tookMs), rows }, null, 2)}\n`;
}

/** What was found, as a table for people and as a page. */
import type { Figure, Row, Seen } from './row.ts';

export interface Result {
  readonly row: Row;
  /** Of the whole row. */
  readonly seconds: number;
  /** Absent: it failed, or could not be run here. */
  readonly seen?: Seen;
  readonly failure?: string;
  readonly notRun?: string;
}

export const isBroken = ({ failure }: Result): boolean => failure !== undefined;

export function lineOf(result: Result): string {
  const { row, seconds, seen, failure, notRun } = result;
  const figures = figuresOf(seen);
  const head = `${isBroken(result) ? 'BROKEN' : seen === undefined ? 'not run' : 'held'} ${row.id} (${seconds.toFixed(0)} s): ${row.fault}`;
  return `${head}\n         ${seen === undefined ? (failure ?? notRun ?? '').replaceAll('\n', '\n         ') : [seen.what, figures].filter((each) => each !== '').join('; ')}`;
}

function figuresOf(seen: Seen | undefined): string {
  return (seen?.figures ?? []).map((figure) => figureOf(figure)).join('; ');
}

function figureOf({ what, seconds, goalSeconds }: Figure): string {
  const goal = goalSeconds === undefined ? '' : ` (goal ${goalSeconds} s${seconds > goalSeconds ? ': **goal missed**' : ''})`;
  return `${what}: ${seconds.toFixed(1)} s${goal}`;
}

const HEAD = '| row | fault | how | promised | seen | seconds |';

/** A line of the page. */
export function pageLineOf({ row, seconds, seen, failure, notRun }: Result): string {
  const { id, fault, how, promised } = row;
  const found = seen === undefined ? (notRun === undefined ? `**broken**: ${failure ?? ''}` : `not run: ${notRun}`) : ['held', seen.what, figuresOf(seen)].filter((each) => each !== '').join('; ');
  return `| ${[`\`${id}\``, fault, how, promised, found, seconds.toFixed(0)].map((cell) => cell.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')).join(' | ')} |`;
}

/** The page with these rows' lines in place of what it had of them, in the matrix's order. */
export function pageWith(page: string, results: readonly Result[], order: readonly string[]): string {
  const lines = new Map<string, string>();
  for (const line of page.split('\n')) {
    const id = /^\| `([\w-]+)` \|/.exec(line)?.[1];
    if (id !== undefined) lines.set(id, line);
  }
  for (const result of results) lines.set(result.row.id, pageLineOf(result));
  const table = [HEAD, '|---|---|---|---|---|---|', ...order.flatMap((id) => lines.get(id) ?? [])].join('\n');
  return `${page.slice(0, page.indexOf(BEGIN) + BEGIN.length)}\n\n${table}\n\n${page.slice(page.indexOf(END))}`;
}

const BEGIN = '<!-- generated -->';
const END = '<!-- end of what is generated -->';

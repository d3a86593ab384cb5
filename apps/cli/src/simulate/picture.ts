/** The calls over time in one line, and below it when each policy would have been open. */
import { stripVTControlCharacters } from 'node:util';
import { formatDuration } from '#wire';
import { paint } from '../colour.ts';
import type { PolicyResult } from './policy-run.ts';
import type { Slot, Timeline } from './timeline.ts';

const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const OPEN = '█';
const CLOSED = '·';
/** Policies drawn. */
const ROWS_MAX = 12;
const LABEL_CHARS_MAX = 24;
/** A picture of fewer tells nothing. */
const SLOTS_MIN = 10;

type Pictured = Pick<Timeline, 'slots' | 'slotMs' | 'startMs'>;

/** As many slots put together as it takes for a line to fit. @param columns of the terminal; a pipe has any number */
export function pictureText(results: readonly PolicyResult[], timeline: Pictured, columns: number): string {
  let text = drawn(results, timeline);
  for (let each = 2; widthOf(text) > columns && timeline.slots.length / each >= SLOTS_MIN; each++) text = drawn(results, together(timeline, each));
  return text;
}

function widthOf(text: string): number {
  return Math.max(...stripVTControlCharacters(text).split('\n').map(({ length }) => length));
}

function drawn(results: readonly PolicyResult[], { slots, slotMs, startMs }: Pictured): string {
  const shares = slots.map(({ calls, errors }) => (calls === 0 ? Number.NaN : errors / calls));
  const peak = Math.max(0, ...shares.filter((each) => !Number.isNaN(each)));
  const errors = shares.map((each) => (Number.isNaN(each) ? ' ' : (LEVELS[peak === 0 ? 0 : Math.min(LEVELS.length - 1, Math.floor((each / peak) * LEVELS.length))] as string))).join('');
  const rows: (readonly [string, string, string])[] = [['errors', errors, `at most ${(100 * peak).toFixed(peak < 0.1 ? 1 : 0)} % in ${formatDuration(slotMs)}`]];
  for (const result of results.slice(0, ROWS_MAX)) rows.push([labelOf(result.name), openText(result, { startMs, slotMs, count: slots.length }), `open ${formatDuration(result.ledger.openMs)}`]);
  const width = Math.max(...rows.map(([label]) => label.length));
  const picture = Math.max(...rows.map(([, text]) => stripVTControlCharacters(text).length));
  return rows.map(([label, text, note]) => `${label.padEnd(width)}  ${text}${' '.repeat(picture - stripVTControlCharacters(text).length)}  ${note}`).join('\n');
}

function together({ slots, slotMs, startMs }: Pictured, each: number): Pictured {
  const groups = Array.from({ length: Math.ceil(slots.length / each) }, (_, n) => slots.slice(n * each, (n + 1) * each));
  return { slots: groups.map(sumOf), slotMs: slotMs * each, startMs };
}

function sumOf(slots: readonly Slot[]): Slot {
  return slots.reduce((sum, { calls, errors }) => ({ calls: sum.calls + calls, errors: sum.errors + errors }), { calls: 0, errors: 0 });
}

function labelOf(name: string): string {
  return name.length <= LABEL_CHARS_MAX ? name : `${name.slice(0, LABEL_CHARS_MAX - 1)}…`;
}

/** A slot is open where any part of it is. */
function openText({ transitions }: PolicyResult, { startMs, slotMs, count }: { startMs: number; slotMs: number; count: number }): string {
  const isOpen = Array.from({ length: count }, () => false);
  for (const [n, { transition }] of transitions.entries()) {
    if (transition.to !== 'open') continue;
    const untilMs = transitions[n + 1]?.transition.atMs ?? transition.openUntilMs ?? Infinity;
    const last = Math.min(count - 1, Math.ceil((untilMs - startMs) / slotMs) - 1);
    for (let slot = Math.max(0, Math.floor((transition.atMs - startMs) / slotMs)); slot <= last; slot++) isOpen[slot] = true;
  }
  const text = isOpen.map((open) => (open ? OPEN : CLOSED)).join('');
  return text.replace(/█+/g, (stretch) => paint('red', stretch));
}

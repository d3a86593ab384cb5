/** The calls over time in one line, and below it when each policy would have been open. */
import { stripVTControlCharacters } from 'node:util';
import { formatDuration } from '#wire';
import { paint } from '../colour.ts';
import type { PolicyResult } from './policy-run.ts';
import type { Timeline } from './timeline.ts';

const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const OPEN = '█';
const CLOSED = '·';
/** Policies drawn. */
const ROWS_MAX = 12;
const LABEL_CHARS_MAX = 24;

export function pictureText(results: readonly PolicyResult[], timeline: Timeline): string {
  const { slots, slotMs, startMs } = timeline;
  const shares = slots.map(({ calls, errors }) => (calls === 0 ? Number.NaN : errors / calls));
  const peak = Math.max(0, ...shares.filter((each) => !Number.isNaN(each)));
  const drawn = shares.map((each) => (Number.isNaN(each) ? ' ' : (LEVELS[peak === 0 ? 0 : Math.min(LEVELS.length - 1, Math.floor((each / peak) * LEVELS.length))] as string))).join('');
  const rows: (readonly [string, string, string])[] = [['errors', drawn, `at most ${(100 * peak).toFixed(peak < 0.1 ? 1 : 0)} % in ${formatDuration(slotMs)}`]];
  for (const result of results.slice(0, ROWS_MAX)) rows.push([labelOf(result.name), openText(result, { startMs, slotMs, count: slots.length }), `open ${formatDuration(result.ledger.openMs)}`]);
  const width = Math.max(...rows.map(([label]) => label.length));
  const picture = Math.max(...rows.map(([, text]) => stripVTControlCharacters(text).length));
  return rows.map(([label, text, note]) => `${label.padEnd(width)}  ${text}${' '.repeat(picture - stripVTControlCharacters(text).length)}  ${note}`).join('\n');
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

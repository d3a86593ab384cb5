/** A moment on the command line: ISO 8601, ms since 1970, or how long ago (`-10m`). */
import { parseGoDuration } from '#wire';

export const MOMENT_ALLOWED = 'ISO 8601 (2026-09-21T14:13:20Z), ms since 1970, now, or how long ago (-10m, -1h30m)';

/** Ms since 1970; undefined: it is none of those. */
export function parseMoment(text: string, nowMs: number): number | undefined {
  if (text === 'now') return nowMs;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  if (text.startsWith('-')) {
    const ns = parseGoDuration(text.slice(1));
    return ns === undefined ? undefined : nowMs - Number(ns) / 1e6;
  }
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

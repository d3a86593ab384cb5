/** Figures for people. */

/** `4,812`. */
export function calls(count: number): string {
  return count.toLocaleString('en-US');
}

/** ` 12.5 %`, as wide as `100.0 %`; of nothing a dash. */
export function share(part: number, of: number): string {
  return (of > 0 ? `${((100 * part) / of).toFixed(1)} %` : '-').padStart(7);
}

/** `2026-09-21 14:07:12.000`, in UTC, whatever zone a log is in. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, -1);
}

/** Times and amounts, as people read them. */

/** `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`; never negative. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1_000));
  if (s < 60) return `${s} s`;
  if (s < 3_600) return pair(s, [60, 'min'], [1, 's']);
  if (s < 86_400) return pair(s, [3_600, 'h'], [60, 'min']);
  return pair(s, [86_400, 'd'], [3_600, 'h']);
}

/** Of a policy and what was measured, not rounded below a minute: `800 ms`, `1.5 s`, `30 s`, `2 min`. */
export function duration(ms: number): string {
  if (ms % 1_000 === 0 || ms >= 60_000) return span(ms);
  return ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`;
}

function pair(s: number, [large, largeName]: readonly [number, string], [small, smallName]: readonly [number, string]): string {
  const rest = Math.floor((s % large) / small);
  return `${Math.floor(s / large)} ${largeName}${rest === 0 ? '' : ` ${rest} ${smallName}`}`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

/** `14:02:11`; of another day with that. */
export function moment(atMs: number, nowMs: number): string {
  const clock = CLOCK.format(atMs);
  return new Date(atMs).toDateString() === new Date(nowMs).toDateString() ? clock : `${DAY.format(atMs)}, ${clock}`;
}

const NUMBER = new Intl.NumberFormat('en');

export function amount(value: number): string {
  return NUMBER.format(value);
}

export function share(part: number, whole: number): string {
  if (whole === 0) return '0%';
  const percent = (part / whole) * 100;
  return `${percent > 0 && percent < 10 ? Math.round(percent * 10) / 10 : Math.round(percent)}%`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${amount(count)} ${count === 1 ? one : many}`;
}

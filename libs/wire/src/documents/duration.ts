/** Durations as Go writes them (`200ms`, `1m30s`, `1.5h`), exact to the nanosecond. */
import type { Place } from './place.ts';

/** Below what a timer can hold (2^31 - 1 ms). */
const DURATION_MAX_MS = 576 * 3_600_000;
const TEXT_CHARS_MAX = 64;

const UNIT_NS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const WHOLE = /^\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
/** What nearly all of them are. */
const PLAIN = /^(\d{1,6})(ms|s|m|h)$/;
const PART = /(\d*)\.?(\d*)(ns|us|µs|μs|ms|s|m|h)/g;

export interface DurationRule {
  /** What absence means and, where `zeroIsDefault`, an explicit 0 (docs/semantics.md). */
  readonly defaultMs: number;
  readonly zeroIsDefault: boolean;
  /** Deadlines are whole milliseconds, a threshold needn't be. */
  readonly wholeMs: boolean;
  /** Default: 576h. */
  readonly maxMs?: number;
}

/** In ms; notes a problem and gives the default where it is none. */
export function readDuration(place: Place, rule: DurationRule): number {
  if (place.absent) return rule.defaultMs;
  const ns = place.value === 0 ? 0n : typeof place.value === 'string' ? parseGoDuration(place.value) : undefined;
  if (ns === 0n && rule.zeroIsDefault) return rule.defaultMs;
  const ms = ns === undefined ? Number.NaN : Number(ns) / 1e6;
  const minMs = rule.wholeMs ? 1 : 0.001;
  if (ms >= minMs && ms <= (rule.maxMs ?? DURATION_MAX_MS) && (!rule.wholeMs || Number.isInteger(ms))) return ms;
  place.refuse(allowedText(rule));
  return rule.defaultMs;
}

function allowedText(rule: DurationRule): string {
  const max = formatDuration(rule.maxMs ?? DURATION_MAX_MS);
  const range = rule.wholeMs ? `whole milliseconds from 1ms to ${max}` : `from 1us to ${max}`;
  const zero = rule.zeroIsDefault ? `, or 0 for the default (${formatDuration(rule.defaultMs)})` : '';
  return `a duration such as 200ms, 30s or 1m30s, ${range}${zero}`;
}

/** Nanoseconds; undefined where it is no duration that Go would read, or a negative one. */
export function parseGoDuration(text: string): bigint | undefined {
  if (text === '0' || text === '+0') return 0n;
  const plain = PLAIN.exec(text);
  if (plain !== null) return BigInt(plain[1] as string) * (UNIT_NS[plain[2] as string] as bigint);
  if (text.length > TEXT_CHARS_MAX || !WHOLE.test(text)) return undefined;
  let ns = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of text.matchAll(PART)) {
    const unitNs = UNIT_NS[unit] as bigint;
    ns += BigInt(whole === '' ? 0 : whole) * unitNs;
    if (fraction !== '') ns += (BigInt(fraction) * unitNs) / 10n ** BigInt(fraction.length);
  }
  return ns;
}

/** 90,000 → `1m30s`, 200 → `200ms`; what `parseGoDuration` reads back. */
export function formatDuration(durationMs: number): string {
  const hours = Math.floor(durationMs / 3_600_000);
  const minutes = Math.floor((durationMs % 3_600_000) / 60_000);
  const restMs = durationMs % 60_000;
  if (hours === 0 && minutes === 0 && restMs < 1_000) return `${restMs}ms`;
  const seconds = restMs === 0 ? '' : `${restMs / 1_000}s`;
  return `${hours === 0 ? '' : `${hours}h`}${minutes === 0 ? '' : `${minutes}m`}${seconds}`;
}

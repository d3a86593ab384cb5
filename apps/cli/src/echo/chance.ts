/**
 * Fortio's weighted lists, as its echo server takes them: `503` always, `503:20` for 20 % of calls, `511:20,503:5` for
 * 20 % and another 5 %, the rest being as if nothing was asked.
 */

/** Gives the next number in [0, 1). */
export type Random = () => number;

/** One value and the sum of the percentages up to and including its own. */
interface Share<T> {
  readonly value: T;
  readonly upToPercent: number;
}

export type Chances<T> = readonly Share<T>[];

export interface ChanceRule<T> {
  /** Gives undefined for what isn't allowed. */
  readonly parse: (text: string) => T | undefined;
  /** In words. */
  readonly allowed: string;
}

const SHARES_MAX = 100;

/** A list, or in words what is wrong with it. */
export function parseChances<T>(text: string, { parse, allowed }: ChanceRule<T>): Chances<T> | string {
  const parts = text.split(',');
  if (parts.length > SHARES_MAX) return `found ${parts.length} values, allowed: at most ${SHARES_MAX}`;
  const chances: Share<T>[] = [];
  let sum = 0;
  for (const part of parts) {
    const [written = '', percentage, ...more] = part.split(':');
    const value = parse(written);
    if (value === undefined) return `found "${written}", allowed: ${allowed}`;
    // Without a percentage only where it stands alone, as in Fortio: `503,511` would be anybody's guess.
    const percent = percentage === undefined && parts.length === 1 ? 100 : parsePercent(percentage);
    if (percent === undefined || more.length > 0) return `found "${part}", allowed: VALUE:PERCENT with a percentage from 0 to 100`;
    sum = rounded(sum + percent);
    if (sum > 100) return `found percentages of ${sum} together, allowed: at most 100`;
    chances.push({ value, upToPercent: sum });
  }
  return chances;
}

function parsePercent(text: string | undefined): number | undefined {
  if (text === undefined || !/^(?:\d+\.?\d*|\.\d+)%?$/.test(text)) return undefined;
  const percent = Number.parseFloat(text);
  return percent <= 100 ? percent : undefined;
}

/** Fortio rounds too: 99 and 1.00001 are 100, and 0.1 a thousand times as well. */
function rounded(percent: number): number {
  return Math.round(percent * 10_000) / 10_000;
}

/** Rolls once; undefined: none of them. */
export function choose<T>(chances: Chances<T>, random: Random): T | undefined {
  const roll = 100 * random();
  return chances.find(({ upToPercent }) => roll < upToPercent)?.value;
}

/** The same numbers for the same seed, on every machine (mulberry32). */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a call wishes of the echo server: its query string, in Fortio's words. */
import { parseGoDuration } from '#wire';
import { choose, parseChances, type ChanceRule, type Chances, type Random } from './chance.ts';

/** What one call gets. */
export interface Answer {
  /** Default 200. */
  readonly status: number;
  /** Before the head is sent. */
  readonly delayMs: number;
  /** Bytes of filling in place of the request's body; undefined: the body comes back. */
  readonly size: number | undefined;
  readonly close: boolean;
  readonly headers: readonly (readonly [string, string])[];
}

export const DELAY_MAX_MS = 60_000;
export const SIZE_MAX_BYTES = 1_048_576;

const STATUS: ChanceRule<number> = {
  allowed: 'a status from 200 to 599, such as status=503, status=503:20 or status=511:20,503:5',
  parse: (text) => within(text, 200, 599),
};
const SIZE: ChanceRule<number> = {
  allowed: `bytes from 0 to ${SIZE_MAX_BYTES}, such as size=512 or size=1024:10,512:5`,
  parse: (text) => within(text, 0, SIZE_MAX_BYTES),
};
const DELAY: ChanceRule<number> = {
  allowed: 'a duration of at most 60s, such as delay=200ms, delay=200ms:20 or delay=100ms:10,1s:5',
  parse(text) {
    const ns = parseGoDuration(text);
    const ms = Number(ns ?? Number.NaN) / 1e6;
    return ms <= DELAY_MAX_MS ? ms : undefined;
  },
};
const CLOSE: ChanceRule<boolean> = { allowed: 'true, or a percentage such as close=10', parse: (text) => (text === 'true' ? true : undefined) };

function within(text: string, min: number, max: number): number | undefined {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

/** What this call gets, or in words what can't be read. Rolls only for what was wished, in this order: delay, status, size, close. */
export function answerTo(query: URLSearchParams, random: Random): Answer | string {
  const delays = wished(query, 'delay', DELAY);
  const statuses = wished(query, 'status', STATUS);
  const sizes = wished(query, 'size', SIZE);
  const closes = wished(closeAsChance(query), 'close', CLOSE);
  const wrong = [delays, statuses, sizes, closes].filter((wish) => typeof wish === 'string');
  const headers = query.getAll('header').filter((header) => header !== '').map(splitHeader);
  if (headers.includes(undefined)) wrong.push('header: allowed: NAME:VALUE');
  if (wrong.length > 0) return wrong.join('; ');
  return {
    delayMs: roll(delays, random) ?? 0,
    status: roll(statuses, random) ?? 200,
    size: roll(sizes, random),
    close: roll(closes, random) ?? false,
    headers: headers as [string, string][],
  };
}

function wished<T>(query: URLSearchParams, name: string, rule: ChanceRule<T>): Chances<T> | string | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const chances = parseChances(text, rule);
  return typeof chances === 'string' ? `${name}: ${chances}` : chances;
}

/** Fortio's `close` is `true`, or a percentage alone. */
function closeAsChance(query: URLSearchParams): URLSearchParams {
  const text = query.get('close');
  if (text === null || text === 'true' || text === 'false') return new URLSearchParams(text === 'true' ? { close: 'true' } : {});
  return new URLSearchParams({ close: `true:${text}` });
}

function roll<T>(wish: Chances<T> | string | undefined, random: Random): T | undefined {
  return wish === undefined || typeof wish === 'string' ? undefined : choose(wish, random);
}

function splitHeader(text: string): readonly [string, string] | undefined {
  const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~\w-]{1,100}):\s*([\t\x20-\x7e]{0,1000})$/.exec(text) ?? [];
  return name === '' ? undefined : [name, value];
}

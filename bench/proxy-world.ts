/** What all parts of the proxy's benchmark agree on: hosts, works, answers, and what the environment asks for. */

/** What a proxy is to do with each call. */
export const WORKS = ['refuse', 'forward', 'forward 64 KiB', 'post 1 KiB'] as const;
export type Work = (typeof WORKS)[number];

/** Every proxy knows as many hosts as this; calls go to the first two. */
const HOSTS = 100;
export const SERVED_HOST = 'served.test';
/** Its breaker is open. */
export const REFUSED_HOST = 'refused.test';
export const SERVED_HOSTS: readonly string[] = [SERVED_HOST, ...Array.from({ length: HOSTS - 2 }, (_, index) => `other-${index}.test`)];

/** The degraded answer, as every proxy gives it. */
export const REFUSAL = {
  statusCode: 409,
  body: 'Coming soon ...',
  contentType: 'text/plain; charset=utf-8',
  headers: { 'x-fuseboard-state': 'open', 'retry-after': '3600', 'cache-control': 'no-store' },
} as const;

/** Of the upstream: 12 bytes, 64 KiB, and a failure that opens a breaker. */
export const SMALL_PATH = '/small';
export const BIG_PATH = '/big';
export const FAIL_PATH = '/fail';

export const POST_BODY = `${'y'.repeat(1_023)}!`;

/** A call: what any of the generators sends. */
export interface CallShape {
  readonly host: string;
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly statusCode: number;
}

export function shapeOf(work: Work): CallShape {
  return {
    host: work === 'refuse' ? REFUSED_HOST : SERVED_HOST,
    path: work === 'forward 64 KiB' ? BIG_PATH : SMALL_PATH,
    method: work === 'post 1 KiB' ? 'POST' : 'GET',
    statusCode: work === 'refuse' ? REFUSAL.statusCode : 200,
  };
}

/** Headers of every request beside Host, in the order they are sent. */
export const REQUEST_HEADERS: readonly (readonly [string, string])[] = [['User-Agent', 'bench/1.0'], ['Accept', '*/*']];

/** A list with commas, or undefined where the variable isn't set. */
export function listed(variable: string): readonly string[] | undefined {
  const text = process.env[variable] ?? '';
  return text === '' ? undefined : text.split(',').map((each) => each.trim());
}

/** Of those allowed, those that the variable names (`none`: none); all without it. Throws where it names another. */
export function chosen<T extends string>(variable: string, allowed: readonly T[]): readonly T[] {
  const names = listed(variable) ?? allowed;
  if (names.length === 1 && names[0] === 'none') return [];
  const unknown = names.filter((name) => !(allowed as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`${variable}: "${unknown.join(', ')}" is not allowed; allowed: ${allowed.join(', ')}`);
  return names as readonly T[];
}

/** A number that the variable gives, or the default. */
export function numbered(variable: string, byDefault: number): number {
  const text = process.env[variable] ?? '';
  const value = text === '' ? byDefault : Number(text);
  if (!(value > 0)) throw new Error(`${variable}: "${text}" is no number above 0`);
  return value;
}

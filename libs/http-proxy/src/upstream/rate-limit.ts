/** Rate limits of a route, for this process alone: token buckets by a monotonic clock, without timers. */
import { RE2JS } from 're2js';
import type { HttpRateLimit, RateLimit, RateLimits } from '../route.ts';

/** Holds `amount + burst` at most, begins full, fills evenly by `amount` each `periodMs`. */
export class TokenBucket {
  readonly limit: RateLimit;
  readonly #now: () => number;
  #tokens: number;
  #filledAtMs: number;

  /** @param now monotonic, ms. */
  constructor(limit: RateLimit, now: () => number) {
    this.limit = limit;
    this.#now = now;
    this.#tokens = limit.amount + limit.burst;
    this.#filledAtMs = now();
  }

  /** A `take` would succeed. */
  hasToken(nowMs = this.#now()): boolean {
    const { amount, burst, periodMs } = this.limit;
    this.#tokens = Math.min(amount + burst, this.#tokens + ((nowMs - this.#filledAtMs) * amount) / periodMs);
    this.#filledAtMs = nowMs;
    return this.#tokens >= 1;
  }

  /** Takes a token, if there is one. */
  take(nowMs = this.#now()): boolean {
    if (!this.hasToken(nowMs)) return false;
    this.#tokens--;
    return true;
  }
}

interface Limited {
  readonly http: HttpRateLimit;
  readonly bucket: TokenBucket;
}

interface LimitedPath extends Limited {
  readonly path: string;
  readonly pattern: RE2JS;
}

/** Whether a request may pass: by the route's bucket and by that of the first path that matches. */
export class RequestLimiter {
  readonly #now: () => number;
  #general: Limited | undefined;
  #paths: readonly LimitedPath[] = [];

  /**
   * @param now monotonic, ms.
   * @throws where a path is no RE2 expression; documents are checked before they come here.
   */
  constructor(limits: RateLimits | undefined, now: () => number) {
    this.#now = now;
    this.update(limits);
  }

  /**
   * Takes a token of each bucket that counts this request, or of none.
   *
   * @param target of the request, path first; what follows a `?` isn't looked at.
   * @returns undefined: it passes; else the limit that it is over.
   */
  admit(target: string): HttpRateLimit | undefined {
    const general = this.#general;
    if (general === undefined && this.#paths.length === 0) return undefined;
    const nowMs = this.#now();
    const own = this.#paths.length === 0 ? undefined : this.#limitOf(target);
    if (general !== undefined && !general.bucket.hasToken(nowMs)) return general.http;
    if (own !== undefined && !own.bucket.take(nowMs)) return own.http;
    general?.bucket.take(nowMs);
    return undefined;
  }

  /** From now on; buckets whose numbers are unchanged keep their fill, the others begin full. */
  update(limits: RateLimits | undefined): void {
    const { http, paths = [] } = limits ?? {};
    const before = this.#paths;
    this.#general = http === undefined ? undefined : this.#limited(http, this.#general);
    this.#paths = paths.map(({ path, http: own }) => {
      const known = before.find((limited) => limited.path === path);
      return { path, pattern: known?.pattern ?? RE2JS.compile(path), ...this.#limited(own, known) };
    });
  }

  #limited(http: HttpRateLimit, known: Limited | undefined): Limited {
    const isKept = known !== undefined && isSameLimit(known.bucket.limit, http);
    return { http, bucket: isKept ? known.bucket : new TokenBucket(http, this.#now) };
  }

  #limitOf(target: string): Limited | undefined {
    const queryAt = target.indexOf('?');
    const path = queryAt === -1 ? target : target.slice(0, queryAt);
    return this.#paths.find(({ pattern }) => pattern.testExact(path));
  }
}

/** Whether a path of RateLimits can be matched. */
export function isPathPattern(path: string): boolean {
  try {
    RE2JS.compile(path);
    return true;
  } catch {
    return false;
  }
}

export function isSameLimit(one: RateLimit, other: RateLimit): boolean {
  return one.amount === other.amount && one.periodMs === other.periodMs && one.burst === other.burst;
}

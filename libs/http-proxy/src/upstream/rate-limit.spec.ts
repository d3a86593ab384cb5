import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HttpRateLimit, RateLimits } from '../route.ts';
import { RequestLimiter, TokenBucket } from './rate-limit.ts';

const limit = (amount: number, burst = 0, periodMs = 1_000): HttpRateLimit => ({ amount, burst, periodMs, statusCode: 429, headers: [] });

/** How many of the calls pass. */
const passed = (calls: number, one: () => boolean): number => Array.from({ length: calls }, one).filter(Boolean).length;

describe('a token bucket', () => {
  it('lets amount + burst through at once, then amount evenly over each period', () => {
    let nowMs = 50;
    const bucket = new TokenBucket(limit(10, 5), () => nowMs);
    expect(passed(100, () => bucket.take())).toBe(15);
    const each100Ms = Array.from({ length: 10 }, () => {
      nowMs += 100;
      return passed(100, () => bucket.take());
    });
    expect(each100Ms).toEqual(Array.from({ length: 10 }, () => 1));
    nowMs += 3_600_000;
    expect(passed(100, () => bucket.take())).toBe(15);
  });

  it('with an amount of 0 lets nothing through but its burst, once', () => {
    let nowMs = 0;
    const bucket = new TokenBucket(limit(0, 2), () => nowMs);
    expect(passed(5, () => bucket.take())).toBe(2);
    nowMs = 1e9;
    expect(bucket.take()).toBe(false);
  });

  it('never lets more through than it holds and gains, nor wastes what comes (any times of asking)', () => {
    const numbers = fc.record({ amount: fc.integer({ min: 1, max: 5_000 }), burst: fc.nat(50), periodMs: fc.constantFrom(1_000, 60_000, 3_600_000) });
    fc.assert(
      fc.property(numbers, fc.array(fc.nat(2_000), { maxLength: 100 }), ({ amount, burst, periodMs }, waits) => {
        let nowMs = 0;
        let taken = 0;
        const bucket = new TokenBucket({ amount, burst, periodMs }, () => nowMs);
        let room = amount + burst;
        for (const waitMs of waits) {
          nowMs += waitMs;
          room = Math.min(amount + burst, room + (waitMs * amount) / periodMs);
          const isTaken = bucket.take();
          expect(isTaken ? room > 1 - 1e-6 : room < 1 + 1e-6).toBe(true);
          if (!isTaken) continue;
          taken++;
          room--;
          expect(taken).toBeLessThanOrEqual(amount + burst + (nowMs * amount) / periodMs + 1e-6);
        }
      }),
    );
  });
});

describe('the limits on requests', () => {
  const limiter = (limits: RateLimits | undefined) => new RequestLimiter(limits, () => 0);

  it('let everything pass where there are none', () => {
    expect([limiter(undefined), limiter({ paths: [] })].map((none) => none.admit('/'))).toEqual([undefined, undefined]);
  });

  it('count a request by the first path that matches the whole of its own, without the query', () => {
    const [a, b] = [limit(1), limit(2)];
    const both = limiter({ paths: [{ path: '/a/.*', http: a }, { path: '/(a|b)/.*', http: b }] });
    const asked = ['/a/1', '/a/2?x=/b/', '/b/1?/a/', '/b/2', '/b/3', '/b', '/x/b/1', '/?/a/1'];
    expect(asked.map((target) => both.admit(target))).toEqual([undefined, a, undefined, undefined, b, undefined, undefined, undefined]);
  });

  it('count it by the general limit too; refused by one, it takes no token of the other', () => {
    const [general, own] = [limit(3), limit(1)];
    const both = limiter({ http: general, paths: [{ path: '/own', http: own }] });
    expect(['/own', '/own', '/own', '/', '/', '/'].map((target) => both.admit(target))).toEqual([undefined, own, own, undefined, undefined, general]);
    const other = limiter({ http: limit(0), paths: [{ path: '/own', http: own }] });
    other.admit('/own');
    other.update({ paths: [{ path: '/own', http: own }] });
    expect([other.admit('/own'), other.admit('/own')]).toEqual([undefined, own]);
  });

  it('that change keep the fill of buckets whose numbers are the same, and answer with the new words', () => {
    const both = limiter({ http: limit(1), paths: [{ path: '/own', http: limit(1) }] });
    both.admit('/own');
    const renamed = { ...limit(1), statusCode: 503 };
    both.update({ http: renamed, paths: [{ path: '/new', http: limit(5) }, { path: '/own', http: limit(2) }] });
    expect(both.admit('/')).toBe(renamed);
    both.update({ http: limit(3), paths: [] });
    expect(passed(5, () => both.admit('/own') === undefined)).toBe(3);
  });

  it('are decided in linear time, whatever the path is', () => {
    const path = limiter({ paths: [{ path: '(a+)+b', http: limit(0) }] });
    const startedAtMs = performance.now();
    expect(path.admit('a'.repeat(8_192))).toBeUndefined();
    expect(performance.now() - startedAtMs).toBeLessThan(1_000);
  });
});

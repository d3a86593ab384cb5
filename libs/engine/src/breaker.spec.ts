import { describe, expect, test } from 'vitest';
import { Breaker, firstSnapshot } from './breaker.ts';
import type { Outcome } from './outcome.ts';
import type { Policy } from './policy.ts';
import { Run } from './run.ts';

const POLICY: Policy = {
  identity: { name: 'p', namespace: 'n', version: 'v1' },
  upstream: 'a',
  statTimeWindowMs: 30_000,
  minRequestAmount: 100,
  errorAmountThreshold: 10,
  errorRatioThreshold: 0,
  slowTimeThresholdMs: 200,
  slowAmountThreshold: 0,
  slowRatioThreshold: 0,
  degradedTimeWindowMs: 10_000,
  degraded: { statusCode: 520, content: 'later' },
};

describe('a breaker', () => {
  test('throws what its statechart throws, there and then, and counts nothing after it', () => {
    const breaker = new Breaker(firstSnapshot(POLICY, { incarnation: 1, clockMs: 1_000, next: 1 }), 0, POLICY);
    const run = new Run({ counted: 0, whileOpen: 0, stale: 0, otherIncarnation: 0, future: 0 });
    const impossible = { upstream: 'a', atMs: 1_000, reporter: 'r', count: 1, result: undefined };
    run.add(impossible as unknown as Outcome, 1_000, 1);
    expect(() => breaker.fold(run)).toThrow(TypeError);
    expect(() => breaker.fold(run)).toThrow(TypeError);
  });
});

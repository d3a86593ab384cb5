import { describe, expect, test } from 'vitest';
import { Breaker, firstSnapshot } from './breaker.ts';
import type { Outcome } from './outcome.ts';
import { POLICY } from '../../../test/support/sample-policy.ts';


describe('a breaker', () => {
  test('throws what its statechart throws, there and then, and takes nothing after it', () => {
    const onMoved = (): never => {
      throw new TypeError('a bug');
    };
    const breaker = new Breaker(firstSnapshot(POLICY, { incarnation: 1, clockMs: 1_000, next: 1 }), { partition: 0, policy: POLICY, onMoved });
    const outcome: Outcome = { upstream: 'a', atMs: 1_000, reporter: 'r', count: 10, result: { kind: 'failure', failure: 'reset' } };
    expect(() => breaker.take(outcome, 1_000, 1)).toThrow(TypeError);
    expect(() => breaker.take({ ...outcome, result: { kind: 'ok' } }, 1_000, 2)).toThrow(TypeError);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from './retry-budget.ts';

describe('a retry budget', () => {
  it('grants three retries to few calls, and a fifth of many', () => {
    const granted = (callsInFlight: number) => {
      const budget = new RetryBudget(() => ({ maxRetries: Infinity }));
      while (budget.take(callsInFlight) === 'granted');
      return budget.inFlight;
    };
    expect([1, 15, 19, 20, 24, 25, 1_000].map(granted)).toEqual([3, 3, 3, 4, 4, 5, 200]);
  });

  it('says whether the policy’s limit is reached or the share', () => {
    let maxRetries = 1;
    const budget = new RetryBudget(() => ({ maxRetries }));
    expect([budget.take(100), budget.take(100)]).toEqual(['granted', 'limit']);
    maxRetries = 100;
    expect([budget.take(1), budget.take(1), budget.take(1)]).toEqual(['granted', 'granted', 'budget']);
    budget.give();
    expect(budget.take(1)).toBe('granted');
  });

  it('never has more than max(3, 20 %) nor maxRetries in flight when it grants one (any order of events)', () => {
    const step = fc.record({ kind: fc.constantFrom('take', 'take', 'give', 'limit'), calls: fc.nat(200), maxRetries: fc.oneof(fc.nat(20), fc.constant(Infinity)) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let limit = Infinity;
        let inFlight = 0;
        let agrees = true;
        const budget = new RetryBudget(() => ({ maxRetries: limit }));
        for (const { kind, calls, maxRetries } of steps) {
          if (kind === 'limit') limit = maxRetries;
          else if (kind === 'give' && inFlight > 0) {
            budget.give();
            inFlight--;
          } else if (kind === 'take') {
            const granted = budget.take(calls);
            if (granted === 'granted') inFlight++;
            const inFlightMax = Math.min(limit, Math.max(3, Math.floor(calls * 0.2)));
            agrees &&= granted === 'granted' ? inFlight <= inFlightMax : inFlight >= inFlightMax;
          }
          expect([agrees, budget.inFlight]).toEqual([true, inFlight]);
        }
      }),
    );
  });

  it('knows of a retry that ends and never began', () => {
    expect(() => new RetryBudget(() => ({ maxRetries: 1 })).give()).toThrow('never began');
  });
});

import { expect, test } from 'vitest';
import type { Policy } from '#engine';
import { tripRates } from './trip-rate.ts';

const policy = (change: Partial<Policy>): Policy => ({
  identity: { name: 'p', namespace: 'n', version: '0' },
  upstream: 'a.b',
  statTimeWindowMs: 30_000,
  minRequestAmount: 200,
  errorAmountThreshold: 0,
  errorRatioThreshold: 0,
  slowTimeThresholdMs: 200,
  slowAmountThreshold: 0,
  slowRatioThreshold: 0,
  degradedTimeWindowMs: 30_000,
  degraded: { statusCode: 409, content: '' },
  ...change,
});
const texts = (change: Partial<Policy>, callsPerSecond: number) => tripRates(policy(change), callsPerSecond).map(({ text }) => text);

test('an amount is said as the error rate that reaches it in a window', () => {
  expect(texts({ errorAmountThreshold: 100 }, 200)).toEqual(['100 errors in 30s: at 200 calls/s trips above 1.7 % errors']);
  expect(tripRates(policy({ errorAmountThreshold: 100 }), 200)[0]?.share).toBeCloseTo(100 / 6_000);
});

test('an amount of slow calls is said with the time that makes a call slow', () => {
  expect(texts({ slowAmountThreshold: 60 }, 200)).toEqual(['60 slow calls (200ms or more) in 30s: at 200 calls/s trips above 1 % slow calls']);
});

test('an amount that no window can hold never trips', () => {
  expect(texts({ errorAmountThreshold: 100 }, 2)).toEqual(['100 errors in 30s: never trips, at 2 calls/s a window has only 60 calls']);
});

test('a ratio is said with its minimum and the soonest moment', () => {
  expect(texts({ slowRatioThreshold: 0.125 }, 200)).toEqual([
    '12.5 % slow calls (200ms or more) of at least 200 calls in 30s: at 200 calls/s trips from 12.5 % on, 1s into a window at the soonest',
  ]);
});

test('a ratio whose minimum the traffic does not reach never trips', () => {
  expect(texts({ errorRatioThreshold: 0.1 }, 5)).toEqual([
    '10 % errors of at least 200 calls in 30s: never trips, at 5 calls/s a window has only 150 calls',
  ]);
});

test('each threshold that is on has a line, one that is off has none', () => {
  const all = tripRates(policy({ errorAmountThreshold: 1, errorRatioThreshold: 0.1, slowAmountThreshold: 1, slowRatioThreshold: 1 }), 100);
  expect(all.map(({ condition }) => condition)).toEqual(['errorAmountThreshold', 'errorRatioThreshold', 'slowAmountThreshold', 'slowRatioThreshold']);
  expect(tripRates(policy({}), 100)).toEqual([]);
});

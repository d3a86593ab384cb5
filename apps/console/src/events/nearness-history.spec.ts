import { describe, expect, it } from 'vitest';
import { NearnessHistory } from './nearness-history.ts';

const curveOf = (history: NearnessHistory, upstream: string): number[] | undefined => {
  const text = history.of(upstream);
  return text === undefined ? undefined : [...Buffer.from(text, 'base64')];
};

describe('the history of how near upstreams were', () => {
  it('is 60 samples, the newest last, in hundredths up to 255', () => {
    const history = new NearnessHistory();
    for (const value of [0.5, 9, 0.014]) history.sample(['a'], () => value);
    expect(curveOf(history, 'a')).toEqual([...Array.from({ length: 57 }, () => 0), 50, 255, 1]);
  });

  it('is nothing for an upstream that is quiet, and again after it was for as long as the curve is', () => {
    const history = new NearnessHistory();
    history.sample(['quiet'], () => 0);
    expect(history.of('quiet')).toBeUndefined();
    history.sample(['a'], () => 1);
    for (let sample = 0; sample < 59; sample++) history.sample([], () => 0);
    expect(curveOf(history, 'a')?.[0]).toBe(100);
    history.sample([], () => 0);
    expect(history.of('a')).toBeUndefined();
  });

  it('is kept of 20,000 upstreams at most', () => {
    const history = new NearnessHistory();
    const names = Array.from({ length: 20_001 }, (_, index) => `u${index}`);
    history.sample(names, () => 1);
    expect([history.of('u19999') !== undefined, history.of('u20000')]).toEqual([true, undefined]);
  });
});

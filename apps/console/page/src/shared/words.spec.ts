import { describe, expect, it } from 'vitest';
import { duration, span } from './words.ts';

describe('a time', () => {
  it('that passes is rounded to what people count in', () => {
    expect([0, 59_600, 200_000, 7_500_000, 360_000_000, -1].map(span)).toEqual(['0 s', '1 min', '3 min 20 s', '2 h 5 min', '4 d 4 h', '0 s']);
  });

  it('of a policy is said as it is', () => {
    expect([800, 1_500, 30_000, 59_999, 120_000].map(duration)).toEqual(['800 ms', '1.5 s', '30 s', '59.999 s', '2 min']);
  });
});

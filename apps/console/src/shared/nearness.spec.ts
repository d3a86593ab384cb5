import { describe, expect, it } from 'vitest';
import { nearness, type Thresholds } from './nearness.ts';

const BASE: Thresholds = { stat_time_window_ms: 30_000, degraded_time_window_ms: 15_000, min_request_amount: 20, slow_time_ms: 200 };

describe('how near a window is to tripping', () => {
  it('is that of the nearest condition, 1 being the threshold', () => {
    expect(nearness({ total: 100, errors: 5, slow: 30 }, { ...BASE, error_amount: 10, slow_amount: 40, error_ratio: 0.5 })).toBe(0.75);
    expect(nearness({ total: 10, errors: 10, slow: 0 }, { ...BASE, error_amount: 10 })).toBe(1);
  });

  it('heeds ratios from the least number of calls on, and amounts always', () => {
    const thresholds = { ...BASE, error_ratio: 0.5, slow_ratio: 0.8 };
    expect(nearness({ total: 19, errors: 19, slow: 19 }, thresholds)).toBe(0);
    expect(nearness({ total: 20, errors: 5, slow: 16 }, thresholds)).toBe(1);
    expect(nearness({ total: 2, errors: 1, slow: 0 }, { ...thresholds, error_amount: 4 })).toBe(0.25);
  });

  it('is 0 where nothing was counted, nothing can trip, or no policy is known', () => {
    expect([nearness({ total: 0, errors: 0, slow: 0 }, { ...BASE, error_amount: 1 }), nearness({ total: 9, errors: 9, slow: 9 }, BASE), nearness({ total: 9, errors: 9, slow: 9 }, undefined)]).toEqual([0, 0, 0]);
  });
});

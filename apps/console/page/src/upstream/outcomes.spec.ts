import { describe, expect, it } from 'vitest';
import type { Breaker, Transition, WindowNow } from '../live/breaker.ts';
import { barsUpTo, countedSince } from './outcomes.ts';

function breaker(window: WindowNow, of: Partial<Breaker> = {}): Breaker {
  return { upstream: 'a', state: 'closed', admit: 1, incarnation: 1, generation: 1, since: '', window, position: { partition: 0, next_offset: 1 }, ...of };
}

const AT = '2026-01-01T00:00:00.000Z';

describe('what was counted between two tellings', () => {
  it('is what a window has more than it had, or all of a new window', () => {
    const before = breaker({ started_at: AT, total: 5, errors: 1, slow: 2 });
    expect(countedSince(before, breaker({ started_at: AT, total: 9, errors: 3, slow: 2 }))).toEqual({ calls: 4, errors: 2, slow: 0 });
    expect(countedSince(before, breaker({ started_at: '2026-01-01T00:00:30.000Z', total: 2, errors: 0, slow: 0 }))).toEqual({ calls: 2, errors: 0, slow: 0 });
  });

  it('is by a trip, which empties the window, what its evidence has', () => {
    const before = breaker({ started_at: AT, total: 8, errors: 8, slow: 0 });
    const trip = { generation: 2, cause: { kind: 'outcome' }, window: { started_at: AT, total: 10, errors: 10, slow: 0 } } as Transition;
    expect(countedSince(before, breaker({ total: 0, errors: 0, slow: 0 }, { generation: 2, last_transition: trip }))).toEqual({ calls: 2, errors: 2, slow: 0 });
  });

  it('is not that evidence again when it closes before its closing was told as a change', () => {
    const trip = { generation: 2, cause: { kind: 'outcome' }, window: { started_at: AT, total: 10, errors: 10, slow: 0 } } as Transition;
    const open = breaker({ total: 0, errors: 0, slow: 0 }, { state: 'open', admit: 0, generation: 2, last_transition: trip });
    expect(countedSince(open, breaker({ total: 0, errors: 0, slow: 0 }, { generation: 3, last_transition: trip }))).toEqual({ calls: 0, errors: 0, slow: 0 });
  });
});

describe('bars', () => {
  it('are as many as asked for, up to now, with those in which nothing was', () => {
    const bars = barsUpTo(10_500, { bucketMs: 2_000, count: 3, tallies: new Map([[8_000, { calls: 3, errors: 1, slow: 0 }], [2_000, { calls: 9, errors: 9, slow: 9 }]]) });
    expect(bars.map(({ atMs, calls }) => [atMs, calls])).toEqual([[6_000, 0], [8_000, 3], [10_000, 0]]);
  });
});

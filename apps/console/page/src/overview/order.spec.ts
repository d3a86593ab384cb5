import { describe, expect, it } from 'vitest';
import type { Breaker } from '../live/breaker.ts';
import { listed, type Listing } from './order.ts';

function breaker(upstream: string, of: Partial<Breaker> = {}): Breaker {
  const rest = { state: 'closed', admit: 1, incarnation: 1, generation: 1, since: '2026-01-01T00:00:00Z', window: { total: 0, errors: 0, slow: 0 }, position: { partition: 0, next_offset: 1 } };
  return { upstream, ...rest, policy: { name: upstream, namespace: 'shop', version: 'v' }, ...of };
}

const BREAKERS = [
  breaker('calm'),
  breaker('near'),
  breaker('held', { override: { author: 'ann', reason: 'r', control_offset: 1 } }),
  breaker('old', { state: 'open', admit: 0, since: '2026-01-01T00:00:00Z' }),
  breaker('new', { state: 'open', admit: 0, since: '2026-01-02T00:00:00Z' }),
];

function list(of: Partial<Listing> = {}): string[] {
  const nearness = (upstream: string): number => (upstream === 'near' ? 0.5 : 0);
  return listed({ breakers: BREAKERS, nearness, search: '', shown: 'all', ...of }).upstreams.map(({ upstream }) => upstream);
}

describe('the list of upstreams', () => {
  it('has the open ones first, the newest at the top, then those held by hand, then those near a threshold', () => {
    expect(list()).toEqual(['new', 'old', 'held', 'near', 'calm']);
  });

  it('counts what would be open, were its policy enforced, among the near: it refuses nothing', () => {
    const found = listed({ breakers: [breaker('would', { state: 'open', admit: 1 })], nearness: () => 0, search: '', shown: 'near' });
    expect([found.counts, found.upstreams.length]).toEqual([{ all: 1, open: 0, near: 1, held: 0 }, 1]);
  });

  it('is what was searched for: every word, in the name or the policy’s, letter case aside', () => {
    expect([list({ search: 'SHOP n' }), list({ search: 'ld' }), list({ search: 'shop/calm' })]).toEqual([['new', 'near'], ['old', 'held'], ['calm']]);
    const { policy: _deleted, ...unpoliced } = breaker('left');
    expect([list({ search: 'undefined', breakers: [unpoliced] }), list({ search: 'left', breakers: [unpoliced] })]).toEqual([[], ['left']]);
  });

  it('shows the open, the near or the held alone, and counts all of them all the same', () => {
    expect([list({ shown: 'open' }), list({ shown: 'near' }), list({ shown: 'held' })]).toEqual([['new', 'old'], ['near'], ['held']]);
    expect(listed({ breakers: BREAKERS, nearness: () => 0, search: 'nobody', shown: 'open' }).counts).toEqual({ all: 5, open: 2, near: 0, held: 1 });
  });
});

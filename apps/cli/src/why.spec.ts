import { describe, expect, it } from 'vitest';
import { timestampMessage, type TransitionMessage } from '#wire';
import { Failure } from './failure.ts';
import type { ShownBreaker } from './shown.ts';
import { whyText, type Evidence } from './why.ts';

const AT_MS = Date.UTC(2026, 8, 21, 3, 0, 0);
const at = (s: number): string => new Date(AT_MS + s * 1_000).toISOString();
const breaker = (of: Partial<ShownBreaker> = {}): ShownBreaker => ({
  upstream: 'shop.local', state: 'open', admit: 0, incarnation: 1, generation: 2, since: at(0), open_until: at(90),
  window: { total: 0, errors: 0, slow: 0 }, policy: { name: 'shop', namespace: 'eu', version: '0a1b2c3d4e5f' }, position: { partition: 0, next_offset: 9 }, ...of,
});
const trip = (of: Partial<TransitionMessage> = {}): TransitionMessage => ({
  upstream: 'shop.local', incarnation: 1, generation: 2, from: 'STATE_CLOSED', to: 'STATE_OPEN', at: timestampMessage(AT_MS), open_until: timestampMessage(AT_MS + 90_000),
  reason: '10 errors of 40 calls reached errorRatioThreshold 0.25', cause: { outcome: { partition: 3, offset: 812, id: 'proxy-a/x-1' } },
  window: { started_at: timestampMessage(AT_MS - 2_500), total: 40, errors: 10, slow: 2 }, ...of,
});
const NOBODY: Evidence['refusals'] = { at: [], proxies: 2 };
const why = (of: ShownBreaker, evidence: Partial<Evidence> = {}, nowS = 30): Record<string, string> => {
  const text = whyText(of, { transitions: [trip()], refusals: NOBODY, ...evidence }, AT_MS + nowS * 1_000);
  return Object.fromEntries(text.split('\n').map((line) => line.split(/ {2,}/) as [string, string]));
};

describe('why an upstream', () => {
  it('is open: the threshold that was crossed, by which outcome, until when, and at which proxies calls are refused', () => {
    const at6 = Array.from({ length: 6 }, (_, n) => ({ proxy: `proxy-${n}`, calls: 10 - n }));
    expect(why(breaker(), { refusals: { at: at6, proxies: 8 } })).toEqual({
      'open since': '2026-09-21T03:00:00.000Z, 30s ago; ends by itself in 1m',
      because: '10 errors of 40 calls reached errorRatioThreshold 0.25 in 2.5s; 10 errors, 2 slow',
      by: 'outcome 3@812 proxy-a/x-1',
      refused: '45 calls in the last minute, at 6 of 8 proxies: proxy-0 10, proxy-1 9, proxy-2 8, proxy-3 7, proxy-4 6, and 1 more',
    });
    expect(why(breaker())['refused']).toBe('no call in the last minute, at 2 proxies');
  });

  it('is held: by whom and why, how it ends, and what had tripped before', () => {
    const override = { author: 'ann', reason: 'INC-7', control_offset: 12 };
    const held = why(breaker({ generation: 3, open_until: at(40), override: { ...override, until: at(40) } }));
    expect(held).toMatchObject({
      'open since': '2026-09-21T03:00:00.000Z, 30s ago; ends by itself in 10s, or with `fuseboard clear shop.local`',
      because: 'held open by ann: INC-7 (control 12)',
      'last trip': '2026-09-21T03:00:00.000Z, 30s ago: 10 errors of 40 calls reached errorRatioThreshold 0.25 in 2.5s; 10 errors, 2 slow; by outcome 3@812 proxy-a/x-1',
    });
    const { open_until: _, ...closed } = breaker({ state: 'closed', admit: 1, generation: 3, override });
    expect(why(closed)).toMatchObject({ 'closed since': expect.stringContaining('; ends with `fuseboard clear shop.local`') as string, because: 'held closed by ann: INC-7 (control 12)' });
  });

  it('is closed: by itself also before that was told, by whom else, or that it has not changed', () => {
    const { open_until: _, ...closed } = breaker({ state: 'closed', admit: 1, generation: 3, since: at(90) });
    expect(why(closed, {}, 5_490)).toEqual({
      'closed since': '2026-09-21T03:01:30.000Z, 1h30m ago',
      because: 'its time is over',
      'last trip': '2026-09-21T03:00:00.000Z, 1h31m ago: 10 errors of 40 calls reached errorRatioThreshold 0.25 in 2.5s; 10 errors, 2 slow; by outcome 3@812 proxy-a/x-1',
    });
    const cleared = trip({ generation: 3, reason: 'the database is back', cause: { override: { author: 'bob', control_offset: 14 } } });
    expect(why(closed, { transitions: [cleared, trip()] })).toMatchObject({ because: 'the database is back, by bob (control 14)' });
    expect(why({ ...closed, generation: 1 }, { transitions: [] })).toEqual({ 'closed since': expect.any(String) as string, because: 'it has not changed yet' });
    const { policy: __, ...deleted } = closed;
    expect(why(deleted)).toMatchObject({ because: 'its policy was deleted' });
  });

  it('would be open: that no call is refused', () => {
    const wouldOpen = why(breaker({ admit: 1 }));
    expect(wouldOpen).toMatchObject({ 'would open since': expect.any(String) as string, because: expect.stringContaining('; no call is refused, for its policy is not enforced') as string });
    expect(wouldOpen).not.toHaveProperty('refused');
  });

  it('opens again and again: how many times in the last hour', () => {
    const trips = [trip({ generation: 6 }), trip({ generation: 4 }), trip({ generation: 2, at: timestampMessage(AT_MS - 3_600_000) })];
    expect(why(breaker({ generation: 6 }), { transitions: trips })['trips']).toBe('2 in the last hour: `fuseboard history shop.local` has each');
  });

  it('is as it is, where that is out of reach or not told yet: that it is not known', () => {
    const away = new Failure('the transitions cannot be read right now');
    expect(why(breaker(), { transitions: away, refusals: new Failure('nobody can be asked') })).toMatchObject({ because: 'not known: the transitions cannot be read right now', refused: 'not known: nobody can be asked' });
    expect(why(breaker({ override: { author: 'ann', reason: 'INC-7', control_offset: 12 } }), { transitions: away })).toMatchObject({ because: 'held open by ann: INC-7 (control 12)' });
    expect(why(breaker({ generation: 4 }))).toMatchObject({ because: 'its change is not told yet: ask again' });
  });
});

import { describe, expect, it } from 'vitest';
import { Refusals } from './refusal.ts';
import type { RefuseDecision } from './route.ts';

const decision = (untilMs?: number): RefuseDecision => ({ kind: 'refuse', degraded: { statusCode: 409, content: 'no' }, ...(untilMs === undefined ? {} : { untilMs }) });

describe('the degraded answer', () => {
  it('is made once for a decision and a second left', () => {
    const refusals = new Refusals();
    const open = decision(10_000);
    const first = refusals.answer(open, 5_001);
    expect(refusals.answer(open, 5_999)).toBe(first);
    expect(refusals.answer(open, 6_000)).not.toBe(first);
  });

  it('says nothing of an end that is not there', () => {
    expect(new Refusals().answer(decision(), 0).headers).not.toContain('retry-after');
  });

  it.each([
    [0, '10'],
    [1, '10'],
    [9_000, '1'],
    [9_999, '1'],
    [12_000, '1'],
  ])('at %i ms says %s s', (nowMs, seconds) => {
    const { headers } = new Refusals().answer(decision(10_000), nowMs);
    expect(headers[headers.indexOf('retry-after') + 1]).toBe(seconds);
  });
});

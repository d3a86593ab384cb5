import { describe, expect, it } from 'vitest';
import { POLICY } from '../../../test/support/sample-policy.ts';
import { settingOf, SharedPolicies } from './shared-policies.ts';

const of = (upstream: string, more: object = {}) => ({ ...POLICY, upstream, identity: { name: upstream, namespace: 'shop', version: upstream }, ...more });

describe('policies that say the same', () => {
  it('are one, whomever they are of, and stay the same one when the documents come anew', () => {
    const policies = new SharedPolicies();
    const first = policies.of(of('a'));
    expect(policies.of(of('b'))).toBe(first);
    const anew = new SharedPolicies(policies);
    expect(anew.of(of('c'))).toBe(first);
    expect(new SharedPolicies(anew).of(of('a', { degraded: { ...first.degraded } }))).toBe(first);
  });

  it.for([
    ...['statTimeWindowMs', 'minRequestAmount', 'errorAmountThreshold', 'errorRatioThreshold', 'slowTimeThresholdMs', 'slowAmountThreshold', 'slowRatioThreshold', 'degradedTimeWindowMs'].map((rule) => ({ [rule]: 0.125 })),
    { degraded: { statusCode: 599, content: 'x' } },
    { degraded: { statusCode: 409, content: 'other' } },
    { identity: { name: 'a', namespace: 'shop', version: 'a', enforced: false } },
  ])('are told from one with %j, and back again', (more) => {
    const policies = new SharedPolicies();
    const [one, other, again] = [policies.of(of('a')), policies.of(of('a', more)), policies.of(of('a'))];
    expect(other).not.toBe(one);
    expect(again).toBe(one);
    expect(other).toMatchObject('identity' in more ? { identity: { enforced: false } } : more);
  });
});

it('a document made of one has another version for another policy and for another upstream', () => {
  const policies = new SharedPolicies();
  const [one, other] = [policies.of(of('a')), policies.of(of('a', { errorAmountThreshold: 77 }))];
  const named = { name: 'p', namespace: 'shop' };
  const versions = [settingOf(one, { ...named, upstream: 'a' }), settingOf(one, { ...named, upstream: 'b' }), settingOf(other, { ...named, upstream: 'a' })].map(({ version }) => version);
  expect(new Set(versions).size).toBe(3);
  expect(settingOf(other, { ...named, upstream: 'a' })).toMatchObject({ ...named, upstream: 'a', breaker: { upstream: 'a', errorAmountThreshold: 77, identity: named } });
});

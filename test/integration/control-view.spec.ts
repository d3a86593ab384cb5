/** The control log as a process has read it, shared by its partitions. */
import { expect, test } from 'vitest';
import { setting } from '../contract/samples.ts';
import { ControlView, type ControlChange, type ControlDictionary, type ControlRecord } from '#engine';
import { PoliciesInForce } from '../../libs/engine/src/policies-in-force.ts';

/** The second and the third claim one host; then it is free. */
const CHANGES: readonly ControlChange[] = [
  { kind: 'apply', document: setting('a', 'a.test') },
  { kind: 'apply', document: setting('b', 'b.test') },
  { kind: 'apply', document: setting('c', 'b.test') },
  { kind: 'apply', document: setting('b', 'd.test') },
  { kind: 'apply', document: setting('c', 'b.test') },
  { kind: 'delete', document: { kind: 'UpstreamTrafficSetting', namespace: 'shop', name: 'a' } },
];
const RECORDS = CHANGES.map((change, offset): ControlRecord => ({ offset, appendMs: 0, hash: `${offset}`, author: '', reason: '', source: 'api', change }));

function policiesAlong(dictionary: ControlDictionary, owned: readonly string[]): unknown[] {
  const policies = new PoliciesInForce(dictionary, (upstream) => owned.includes(upstream));
  return RECORDS.map(() => policies.takeNext().changes);
}

test('partitions that share what control records did to documents have the policies that each would have alone', async () => {
  const view = new ControlView({ append: () => Promise.reject(new Error('not here')), read: (from) => Promise.resolve(RECORDS.slice(from)), onNews: () => Promise.reject(new Error('not here')) });
  await view.refresh();
  for (const owned of [['a.test', 'd.test'], ['b.test'], ['a.test', 'b.test', 'd.test']]) {
    const alone = policiesAlong((offset) => RECORDS[offset], owned);
    expect(policiesAlong(view.at, owned)).toEqual(alone);
    expect(alone.flat()).not.toEqual([]);
  }
});

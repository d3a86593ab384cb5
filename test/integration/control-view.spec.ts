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
  { kind: 'engine', version: 2 },
  { kind: 'delete', document: { kind: 'UpstreamTrafficSetting', namespace: 'shop', name: 'a' } },
];
const HOSTS = ['a.test', 'b.test', 'd.test'];
const RECORDS = CHANGES.map((change, offset): ControlRecord => ({ offset, appendMs: 0, hash: `${offset}`, author: '', reason: '', source: 'api', change }));

function policiesAlong(dictionary: ControlDictionary, owned: readonly string[]): unknown[] {
  const policies = new PoliciesInForce(dictionary, (upstream) => owned.includes(upstream));
  return RECORDS.map(() => policies.takeNext().changes);
}

async function viewOf(records: readonly ControlRecord[]): Promise<ControlView> {
  const view = new ControlView({ append: () => Promise.reject(new Error('not here')), read: (from) => Promise.resolve(records.slice(from)), onNews: () => Promise.reject(new Error('not here')) });
  await view.refresh();
  return view;
}

test('partitions that share what control records did to documents have the policies that each would have alone', async () => {
  const view = await viewOf(RECORDS);
  for (const owned of [['a.test', 'd.test'], ['b.test'], HOSTS]) {
    const alone = policiesAlong((offset) => RECORDS[offset], owned);
    expect(policiesAlong(view.at, owned)).toEqual(alone);
    expect(alone.flat()).not.toEqual([]);
  }
});

/** Of what it owns and of what it doesn't. */
const standing = (policies: PoliciesInForce) => ({ control: policies.control, engine: policies.engine, policies: HOSTS.map((host) => policies.of(host)) });

test('a partition that is restored at any control offset stands, and goes on, where one that took each record would', async () => {
  const view = await viewOf(RECORDS);
  const owns = (upstream: string): boolean => upstream !== 'd.test';
  // In no order: what stands at one offset must say nothing of another.
  for (const control of [6, 2, 2, -1, 4, 0, 5, 1, 3]) {
    const [restored, stepped] = [new PoliciesInForce(view.at, owns), new PoliciesInForce((offset) => RECORDS[offset], owns)];
    restored.restore(control);
    while (stepped.control < control) stepped.takeNext();
    while (stepped.control < RECORDS.length - 1) {
      expect(standing(restored)).toEqual(standing(stepped));
      expect(restored.takeNext()).toEqual(stepped.takeNext());
    }
    expect(standing(restored)).toEqual(standing(stepped));
  }
  expect(() => new PoliciesInForce(view.at, owns).restore(RECORDS.length)).toThrow('has not been read up to 7');
});

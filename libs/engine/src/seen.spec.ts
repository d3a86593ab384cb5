import { expect, test } from 'vitest';
import { POLICY } from '../../../test/support/sample-policy.ts';
import { heardOf, SeenStates, type Heard } from './seen.ts';
import type { Snapshot } from './snapshot.ts';

const closed = (upstream: string, sinceMs: number, more: Partial<Snapshot> = {}): Heard => heardOf({
  upstream, incarnation: 1, next: 5, generation: 1, state: 'closed', admit: 1, sinceMs, window: { total: 0, errors: 0, slow: 0 }, policy: POLICY.identity, ...more,
});

test('states without an end that are alike are one, since whenever they are so; those with one are each their own lease (T4)', () => {
  const seen = new SeenStates();
  const first = seen.of(closed('a', 1_000), undefined, 7);
  expect(seen.of(closed('b', 2_000, { next: 9 }), undefined, 7)).toBe(first);
  expect(seen.of(closed('c', 2_000, { generation: 2 }), undefined, 7)).not.toBe(first);
  const open = { state: 'open', admit: 0, untilMs: 9_000 } as const;
  const [lease, shorter] = [seen.of(closed('a', 1_000, open), undefined, 7), seen.of(closed('b', 2_000, open), undefined, 7)];
  expect([lease.sinceMs, shorter.sinceMs]).toEqual([1_000, 2_000]);
});

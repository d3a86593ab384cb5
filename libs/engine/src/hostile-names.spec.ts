import { expect, test } from 'vitest';
import type { ControlRecord } from './control.ts';
import { PartitionFold } from './fold.ts';
import type { LogRecord } from './outcome.ts';

const NAMES = 50_000;
const REAL = 'shop.local';
const policy = {
  identity: { name: 'shop', namespace: 'default', version: '1' },
  upstream: REAL,
  statTimeWindowMs: 30_000,
  minRequestAmount: 100,
  errorAmountThreshold: 3,
  errorRatioThreshold: 0.9,
  slowTimeThresholdMs: 5_000,
  slowAmountThreshold: 100,
  slowRatioThreshold: 0.9,
  degradedTimeWindowMs: 30_000,
  degraded: { statusCode: 409, content: '' },
};

function error(offset: number, upstream: string): LogRecord {
  return { offset, appendMs: 1_000, entry: { kind: 'outcome', outcome: { upstream, atMs: 1_000, reporter: 'r', id: `${offset}`, result: { kind: 'status', code: 503 }, count: 1 } } };
}

test('L3, K4: a producer that makes up names without end leaves nothing behind, and pushes no id of a real upstream out', () => {
  const control = { offset: 0, appendMs: 0, hash: 'h', change: { kind: 'apply', document: { kind: 'UpstreamTrafficSetting', namespace: 'default', name: 'shop', version: '1', breaker: policy, upstream: REAL } } };
  const start = { partition: 0, incarnation: 1, next: 0, clockMs: 0, control: -1, snapshots: [], ids: [] };
  const fold = new PartitionFold(start, () => control as unknown as ControlRecord, { owns: () => true, idsMax: 100 });
  fold.fold([{ offset: 0, appendMs: 1_000, entry: { kind: 'mark', mark: { control: 0, hash: 'h' } } }, error(1, REAL), error(2, REAL)]);
  const [snapshots, ids] = [fold.snapshots(), fold.idsSince(0)];
  fold.settled(fold.next);
  const { tally, transitions } = fold.fold(Array.from({ length: NAMES }, (_, n) => error(3 + n, `made-up-${n}.example`)));
  expect([tally.unknown, transitions]).toEqual([NAMES, []]);
  expect([fold.snapshots(), fold.idsSince(0), fold.changedSince(3)]).toEqual([snapshots, ids, []]);
  // The window goes on where it stood.
  const { transitions: after } = fold.fold([error(3 + NAMES, REAL)]);
  expect(after.map(({ transition }) => [transition.upstream, transition.to, transition.window.total])).toEqual([[REAL, 'open', 3]]);
});

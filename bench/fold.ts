/**
 * What an outcome costs to fold: through the whole partition fold, in batches of 1, 100 and 1,000, against the bare
 * window and judgement alone. One upstream closed, every call admitted by stamp.
 */
import type { ControlRecord, LogRecord, Policy } from '#engine';
import { PartitionFold } from '#engine';
import { tripsOn } from '../libs/engine/src/judge.ts';
import { Window } from '../libs/engine/src/window.ts';
import { measure, print, type Measured } from './rounds.ts';

const OUTCOMES = 100_000;
const BASE = 'bare window';

export const POLICY: Policy = {
  identity: { name: 'bench', namespace: 'bench', version: '1' },
  upstream: 'bench.local',
  statTimeWindowMs: 30_000,
  minRequestAmount: 100,
  errorAmountThreshold: 1e9,
  errorRatioThreshold: 0.9,
  slowTimeThresholdMs: 5_000,
  slowAmountThreshold: 1e9,
  slowRatioThreshold: 0.9,
  degradedTimeWindowMs: 30_000,
  degraded: { statusCode: 409, content: 'Coming soon ...' },
};

export async function run(): Promise<Measured[]> {
  const records = Array.from({ length: OUTCOMES }, (_, n) => outcome(n + 1));
  const subjects = [
    { name: BASE, run: bareWindow },
    ...[1, 100, 1_000].map((size) => {
      const batches = Array.from({ length: OUTCOMES / size }, (_, n) => records.slice(n * size, (n + 1) * size));
      return { name: `fold, batches of ${size}`, run: () => foldAll(batches) };
    }),
  ];
  const measured = measure(subjects, { operations: OUTCOMES, rounds: 15, base: BASE });
  print(measured, { what: 'an outcome through', base: BASE });
  return measured;
}

function bareWindow(outcomes: number): number {
  const window = new Window();
  const alike = { calls: 1, error: false, slow: false };
  let trips = 0;
  for (let n = 0; n < outcomes; n++) {
    alike.error = n % 5 === 0;
    window.count(alike, 1_000, POLICY.statTimeWindowMs);
    if (tripsOn(window, POLICY) !== undefined) trips++;
  }
  return trips;
}

function foldAll(batches: readonly (readonly LogRecord[])[]): number {
  const applied = { kind: 'apply', document: { kind: 'UpstreamTrafficSetting', version: '1', breaker: POLICY, upstream: POLICY.upstream } };
  const control = { offset: 0, appendMs: 0, hash: 'h', change: applied } as unknown as ControlRecord;
  const start = { partition: 0, incarnation: 1, next: 0, clockMs: 0, control: -1, snapshots: [], ids: [] };
  const fold = new PartitionFold(start, (offset) => (offset === 0 ? control : undefined), { owns: () => true, idsMax: 1 });
  fold.fold([{ offset: 0, appendMs: 1_000, entry: { kind: 'mark', mark: { control: 0, hash: 'h' } } }]);
  let counted = 0;
  for (const batch of batches) counted += fold.fold(batch).tally.counted;
  if (counted !== OUTCOMES) throw new Error(`${counted} of ${OUTCOMES} outcomes were counted: this would measure something else`);
  return counted;
}

function outcome(offset: number): LogRecord {
  const result = { kind: 'status', code: offset % 5 === 0 ? 511 : 200 } as const;
  const admitted = { incarnation: 1, generation: 1 };
  const { upstream } = POLICY;
  return { offset, appendMs: 1_000, entry: { kind: 'outcome', outcome: { upstream, atMs: 1_000, reporter: 'bench', result, durationMs: 4, count: 1, admitted } } };
}

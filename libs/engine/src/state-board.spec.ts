import { describe, expect, it } from 'vitest';
import type { PartitionMeta, StateUpdate } from './ports.ts';
import type { Snapshot } from './snapshot.ts';
import { StateBoard } from './state-board.ts';

const meta = (next: number): PartitionMeta => ({ incarnation: 1, next, clockMs: next, control: 0, sequence: next });
const snapshot = (upstream: string, next: number, incarnation = 1): Snapshot => ({
  upstream, incarnation, next, generation: next, state: 'closed', admit: 1, sinceMs: 0, window: { total: 0, errors: 0, slow: 0 },
});

function board() {
  const clock = { ms: 1_000 };
  const own = new StateBoard(2, () => clock.ms);
  const tell = (update: Partial<StateUpdate> = {}) => own.apply({ partition: 0, snapshots: [], ...update });
  return { clock, own, tell, next: () => own.partition(0)?.meta?.next };
}

describe('a board', () => {
  it('tells of what is newer, with what was before, and passes over what is not (V1)', () => {
    const { own, tell } = board();
    const first = snapshot('a', 5);
    expect(tell({ meta: meta(5), snapshots: [first] })).toMatchObject({ isFirst: true, changes: [{ snapshot: first, before: undefined }] });
    expect(tell({ meta: meta(6), snapshots: [snapshot('a', 5), snapshot('a', 4)] })).toMatchObject({ isFirst: false, metaBefore: meta(5), changes: [] });
    const fresh = snapshot('a', 1, 2);
    expect(tell({ meta: meta(6), snapshots: [fresh] }).changes).toEqual([{ snapshot: fresh, before: first }]);
    expect([...(own.partition(0)?.snapshots.values() ?? [])]).toEqual([fresh]);
  });

  it('counts a partition’s age from when the store said so, and an older word changes neither age nor meta (V4)', () => {
    const { clock, own, tell, next } = board();
    expect([own.oldestMs, own.heard]).toEqual([Infinity, []]);
    own.apply({ partition: 1, snapshots: [] });
    tell({ meta: meta(9), snapshots: [], heardMonotonicMs: clock.ms - 400 });
    clock.ms += 100;
    expect([own.oldestMs, next()]).toEqual([500, 9]);
    tell({ heardMonotonicMs: clock.ms - 60_000, snapshots: [snapshot('a', 1)] });
    expect([own.oldestMs, next(), own.partition(0)?.snapshots.size]).toEqual([500, 9, 1]);
    tell();
    expect([own.oldestMs, next()]).toEqual([100, undefined]);
  });

  it('refuses a partition that there is not', () => {
    expect(() => board().tell({ partition: 2 })).toThrow('partition 2 of 2');
  });
});

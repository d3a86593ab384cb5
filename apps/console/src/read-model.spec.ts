import { describe, expect, it } from 'vitest';
import type { DocumentSet, PartitionMeta, Snapshot, TrafficSetting } from '#engine';
import { ReadModel } from './read-model.ts';

const META: PartitionMeta = { incarnation: 1, next: 10, clockMs: 0, control: 0, sequence: 1 };
const POLICY = { name: 'p', namespace: 'n', version: 'abc' };

function snapshot(of: Partial<Snapshot> = {}): Snapshot {
  return { upstream: 'a', incarnation: 1, next: 1, generation: 1, state: 'closed', admit: 1, sinceMs: 0, window: { total: 0, errors: 0, slow: 0 }, policy: POLICY, ...of };
}

const opened = (of: Partial<Snapshot> = {}): Snapshot => snapshot({ next: 2, generation: 2, state: 'open', admit: 0, sinceMs: 1_000, untilMs: 2_000, ...of });

/** A model at a time that the test sets. */
function model() {
  const time = { nowMs: 1_000, monotonicMs: 5_000 };
  const own = new ReadModel({ nowMs: () => time.nowMs, monotonicMs: () => time.monotonicMs });
  const apply = (...snapshots: Snapshot[]): void => own.applyStates({ partition: 0, meta: META, snapshots });
  const heard: string[] = [];
  own.onChange((upstream) => void heard.push(`${upstream} ${own.breaker(upstream)?.snapshot.state} ${own.breaker(upstream)?.snapshot.generation}`));
  return { own, time, apply, heard };
}

describe('the read model', () => {
  it('keeps the newest snapshot of each upstream, and never goes back (V1)', () => {
    const { own, apply } = model();
    apply(snapshot({ next: 5, generation: 3 }));
    apply(snapshot({ next: 4, generation: 2 }));
    expect(own.breaker('a')?.snapshot.generation).toBe(3);
    apply(snapshot({ incarnation: 2, next: 1, generation: 1 }));
    expect(own.breaker('a')?.snapshot).toMatchObject({ incarnation: 2, generation: 1 });
  });

  it('shows a lease that ran out as closed, as the fold will (T4, T5)', () => {
    const { own, time, apply } = model();
    apply(opened({ override: { author: 'x', reason: 'y', controlOffset: 3 }, window: { startedAtMs: 900, total: 5, errors: 5, slow: 0 } }));
    time.nowMs = 1_999;
    expect([own.breaker('a')?.snapshot.state, own.isOpen('a')]).toEqual(['open', true]);
    time.nowMs = 2_000;
    expect([own.isOpen('a'), own.isOpen('never heard of')]).toEqual([false, false]);
    expect(own.breaker('a')?.snapshot).toEqual({
      upstream: 'a',
      incarnation: 1,
      next: 2,
      generation: 3,
      state: 'closed',
      admit: 1,
      sinceMs: 2_000,
      window: { total: 0, errors: 0, slow: 0 },
      policy: POLICY,
    });
  });

  it('shows no lease for longer than it is long, whatever the wall clock says (T4)', () => {
    const { own, time, apply } = model();
    apply(opened());
    time.monotonicMs += 999;
    expect(own.breaker('a')?.snapshot.state).toBe('open');
    time.monotonicMs += 1;
    expect(own.breaker('a')?.snapshot.state).toBe('closed');
  });

  it('shows a window that is over as zeros, by the length that its document gives (T3)', () => {
    const { own, time, apply } = model();
    const setting = { kind: 'UpstreamTrafficSetting', breaker: { identity: POLICY, upstream: 'a', statTimeWindowMs: 500 } } as TrafficSetting;
    own.applyDocuments({ control: 1, documents: [setting] } satisfies DocumentSet);
    apply(snapshot({ window: { startedAtMs: 1_000, total: 7, errors: 1, slow: 2 } }));
    time.nowMs = 1_499;
    expect(own.breaker('a')?.snapshot.window.total).toBe(7);
    time.nowMs = 1_500;
    expect(own.breaker('a')?.snapshot.window).toEqual({ total: 0, errors: 0, slow: 0 });
  });

  it('takes no older set of documents, unless it is of another control log', () => {
    const { own } = model();
    const set = (control: number, statTimeWindowMs: number, identity: string): DocumentSet => ({ control, identity, documents: [{ kind: 'UpstreamTrafficSetting', breaker: { identity: POLICY, upstream: 'a', statTimeWindowMs } } as TrafficSetting] });
    const lengths = [set(5, 500, 'one'), set(4, 400, 'one'), set(1, 100, 'other')].map((each) => (own.applyDocuments(each), own.policy('a')?.statTimeWindowMs));
    expect(lengths).toEqual([500, 500, 100]);
  });

  it('says why it may not know all: nothing heard, nothing stored, being restored (V4)', () => {
    const { own } = model();
    expect(own.incompleteBecause).toBe('the states have not been read yet');
    own.applyStates({ partition: 3, snapshots: [] });
    expect(own.incompleteBecause).toBe('the store has no states of partition 3 yet');
    own.applyStates({ partition: 3, meta: { ...META, restoringTo: 99 }, snapshots: [] });
    expect(own.incompleteBecause).toBe('the states of partition 3 are being restored from the log');
    own.applyStates({ partition: 3, meta: META, snapshots: [] });
    expect(own.incompleteBecause).toBeUndefined();
  });
});

describe('a listing', () => {
  it('is in the order of names, and pages join without gap or repeat, whatever comes between', () => {
    const { own, apply } = model();
    apply(...['d', 'b', 'a', 'c', 'e'].map((upstream) => snapshot({ upstream })));
    const names = (after?: string) => own.breakers({ limit: 2, ...(after !== undefined && { after }) }).breakers.map(({ snapshot: { upstream } }) => upstream);
    expect(names()).toEqual(['a', 'b']);
    apply(snapshot({ upstream: 'aa' }));
    expect(names('b')).toEqual(['c', 'd']);
    expect(own.breakers({ limit: 2, after: 'd' })).toMatchObject({ more: false, breakers: [{ snapshot: { upstream: 'e' } }] });
    expect(own.breakers({ limit: 2 }).more).toBe(true);
  });

  it('by state goes by what is shown: an open breaker whose lease is over is listed as closed', () => {
    const { own, time, apply } = model();
    apply(opened({ upstream: 'a' }), snapshot({ upstream: 'b' }));
    const names = (state: 'open' | 'closed') => own.breakers({ limit: 9, state }).breakers.map(({ snapshot: { upstream } }) => upstream);
    expect([names('open'), names('closed')]).toEqual([['a'], ['b']]);
    time.nowMs = 2_000;
    expect([names('open'), names('closed')]).toEqual([[], ['a', 'b']]);
  });
});

describe('a listener', () => {
  it('hears of a new upstream, a change of state, policy or override, and not of counts', () => {
    const { apply, heard } = model();
    apply(snapshot());
    apply(snapshot({ next: 2, window: { startedAtMs: 1, total: 3, errors: 0, slow: 0 } }));
    apply(opened({ next: 3 }));
    apply(opened({ next: 4, override: { author: 'x', reason: 'y', controlOffset: 1 } }));
    apply(opened({ next: 5, override: { author: 'x', reason: 'y', controlOffset: 1 }, policy: { ...POLICY, version: 'def' } }));
    expect(heard).toEqual(['a closed 1', 'a open 2', 'a open 2', 'a open 2']);
  });

  it('hears of a lease that runs out although nobody says so, once (T4)', async () => {
    const { own, apply, heard } = real();
    apply(opened({ sinceMs: Date.now(), untilMs: Date.now() + 60 }));
    await expect.poll(() => heard).toEqual(['open', 'closed']);
    const over = own.breaker('a')?.snapshot as Snapshot;
    apply({ ...over, next: 9 });
    expect(heard).toEqual(['open', 'closed']);
    own.close();
  });

  it('hears of the earlier of two leases first, whichever came first', async () => {
    const { own, apply, heard } = real();
    const now = Date.now();
    apply(opened({ upstream: 'late', sinceMs: now, untilMs: now + 90 }), opened({ upstream: 'soon', sinceMs: now, untilMs: now + 30 }));
    await expect.poll(() => heard).toEqual(['open', 'open', 'closed', 'closed']);
    own.close();
  });
});

/** A model on real clocks. */
function real() {
  const own = new ReadModel({ nowMs: Date.now, monotonicMs: () => performance.now() });
  const heard: string[] = [];
  own.onChange((upstream) => void heard.push(own.breaker(upstream)?.snapshot.state ?? ''));
  const apply = (...snapshots: Snapshot[]): void => own.applyStates({ partition: 0, meta: META, snapshots });
  return { own, apply, heard };
}

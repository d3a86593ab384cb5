/** T1, T2: wrong clocks, with the real reporter, log, pump and state cache. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Documents, LogClock, Reporter, StateCache, type FoldReport, type Pump } from '#engine';
import { PumpStage } from '../support/pump-stage.ts';

const UPSTREAM = 'shop.local';
const MINUTE_MS = 60_000;

describe('clocks', () => {
  let stage: PumpStage;
  beforeEach(() => {
    stage = new PumpStage();
  });
  afterEach(() => stage.close());

  const counted = (fate: keyof FoldReport['tally']): number =>
    stage.observed.filter(({ what }) => what === 'folded').reduce((sum, { detail }) => sum + (detail as FoldReport).tally[fate], 0);

  /** A proxy whose wall clock is so far from the log's. */
  function proxyOff(offMs: number): { readonly clock: LogClock; readonly call: (code: number) => Promise<void> } {
    const clock = new LogClock({ wallMs: () => stage.nowMs + offMs, monotonicMs: () => stage.nowMs });
    const reporter = new Reporter(stage.log.outcomes, { reporter: 'proxy', idPrefix: 'p-', clock });
    const call = async (code: number): Promise<void> => {
      stage.nowMs += 10;
      reporter.report({ upstream: UPSTREAM, result: { kind: 'status', code } });
      await reporter.flush();
    };
    return { clock, call };
  }

  test.each([-30, -5, -1, 1, 5, 30])('T2: a proxy whose clock is off by %d minutes is counted like any other, once it has heard the store', async (minutes) => {
    const pump = await stage.inForce({ errorAmountThreshold: 3 });
    const { clock, call } = proxyOff(minutes * MINUTE_MS);
    clock.observeStore({ atMs: stage.nowMs, askedMonotonicMs: stage.nowMs, toldMonotonicMs: stage.nowMs });
    for (let n = 0; n < 3; n++) await call(500);
    await stage.run(pump);
    expect([counted('counted'), counted('late'), counted('stale')]).toEqual([3, 0, 0]);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('T2: one that has heard nobody loses what its first send tells, minutes late, and nothing after', async () => {
    const pump = await stage.inForce({ errorAmountThreshold: 3 });
    const { call } = proxyOff(-5 * MINUTE_MS);
    for (let n = 0; n < 4; n++) await call(500);
    await stage.run(pump);
    expect([counted('late'), counted('counted')]).toEqual([1, 3]);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  /** What a proxy with the log's clock, but not its jumps, decides now. */
  async function decides(trueMs: () => number): Promise<string> {
    const cache = new StateCache({ nowMs: trueMs, monotonicMs: trueMs, partitions: 1, partitionOf: () => 0, stateMaxAgeMs: 5_000 });
    const documents = new Documents();
    for (const record of await stage.log.control.read(0)) documents.apply(record);
    cache.applyDocuments({ control: 0, documents: documents.list() });
    await (await stage.log.stateFeed.follow((update) => cache.applyStates(update)))();
    return cache.decide(UPSTREAM).kind;
  }

  /** A trip by a broker whose clock is a minute ahead; then its clock is right again. */
  async function tripAhead(): Promise<{ readonly pump: Pump; readonly trueMs: () => number }> {
    let aheadMs = 0;
    const trueMs = (): number => stage.nowMs - aheadMs;
    const pump = await stage.inForce({ errorAmountThreshold: 3, degradedTimeWindow: '10s', statTimeWindow: '30s' });
    stage.nowMs += MINUTE_MS;
    aheadMs = MINUTE_MS;
    // Known at the broker’s time: the append times that its sends return correct a proxy’s clock (T2).
    await stage.append([500, 500, 500]);
    await stage.run(pump);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
    stage.nowMs -= MINUTE_MS;
    aheadMs = 0;
    return { pump, trueMs };
  }

  test('T1: a broker’s clock that jumps a minute ahead and comes back keeps no upstream shut for longer than its trip, and windows go on', async () => {
    const { pump, trueMs } = await tripAhead();
    await stage.append([200]);
    await stage.run(pump);
    expect(await stage.transitions()).toEqual(['2: closed → open', '3: open → closed']);
    expect(await decides(trueMs)).toBe('admit');
    expect((await stage.stored())?.sinceMs).toBeLessThanOrEqual(stage.nowMs + 5_000);
    await stage.append([500, 500, 500]);
    await stage.run(pump);
    expect(await stage.transitions()).toHaveLength(3);
    expect(await decides(trueMs)).toBe('refuse');
    stage.nowMs += 10_000;
    expect(await decides(trueMs)).toBe('admit');
  });

  test('T1, T5: it is closed within its own length also where nobody calls any more', async () => {
    const { pump, trueMs } = await tripAhead();
    const held = new StateCache({ nowMs: trueMs, monotonicMs: trueMs, partitions: 1, partitionOf: () => 0, stateMaxAgeMs: MINUTE_MS });
    await (await stage.log.stateFeed.follow((update) => held.applyStates(update)))();
    expect(held.decide(UPSTREAM).kind).toBe('refuse');
    stage.nowMs += 10_000;
    held.pulse();
    expect(held.decide(UPSTREAM).kind).toBe('admit');
    stage.nowMs += MINUTE_MS;
    await pump.pulse(stage.nowMs);
    await stage.run(pump);
    expect(await stage.transitions()).toEqual(['2: closed → open', '3: open → closed']);
  });
});

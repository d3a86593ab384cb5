/** V1: which log a state is the fold of, where stores, logs and owners disagree. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ControlLog, OutcomeReader } from '#engine';
import { PumpStage, Switch } from '../support/pump-stage.ts';

describe('V1: the pump', () => {
  let stage: PumpStage;
  beforeEach(() => {
    stage = new PumpStage();
  });
  afterEach(() => stage.close());

  const incarnations = async (): Promise<number[]> =>
    (await stage.log.control.read(0)).flatMap(({ change }) => (change.kind === 'incarnation' ? [change.number] : []));

  /** As another fleet, or a control log that was lost since, left it. */
  const storeOf = async (incarnation: number, next: number): Promise<Switch> => {
    const { states } = stage.open();
    const nothing = { snapshots: [], outbox: [], ids: [] };
    await states.commit({ partition: 0, group: 'old', epoch: 0, incarnation, commitId: 'old', expected: null, next, clockMs: 1, control: -1, ...nothing });
    return new Switch(states);
  };

  test('begins a later incarnation on a store that knows of one which the control log doesn’t', async () => {
    await stage.inForce({ errorAmountThreshold: 2 });
    await stage.append([500, 500]);
    const states = await storeOf(7, 3);
    await stage.run(stage.pumpOn({ states }));
    expect(states.answers).not.toContain('FENCED');
    expect(await incarnations()).toEqual([1, 8]);
    expect(await stage.stored(states.store)).toMatchObject({ incarnation: 8, state: 'open' });
  });

  test('goes on with an incarnation that was begun and never committed to', async () => {
    await stage.inForce({ errorAmountThreshold: 2 });
    await stage.append([500, 500]);
    const states = await storeOf(0, 1_000);
    await stage.run(stage.pumpOn({ states }));
    expect(await incarnations()).toEqual([1]);
    expect(await stage.stored(states.store)).toMatchObject({ incarnation: 1, state: 'open' });
  });

  test('takes the first of two records that begin an incarnation at once', async () => {
    const { control } = stage.log;
    const racing: ControlLog = {
      read: (from) => control.read(from),
      onNews: (listener) => control.onNews(listener),
      append: async (entries) => {
        await control.append(entries.map((entry) => (entry.change.kind === 'incarnation' ? { ...entry, change: { ...entry.change, identity: 'the first' } } : entry)));
        return await control.append(entries);
      },
    };
    await stage.run(stage.pumpOn({ control: racing }));
    expect(stage.observed).toContainEqual({ what: 'incarnated', detail: expect.objectContaining({ number: 1, identity: 'the first' }) });
  });

  /** Whichever log the stage has. */
  const readerOfNow = (): OutcomeReader => {
    const { reader } = stage.log;
    return { run: (handler) => reader.run(handler), bounds: (...args) => stage.log.reader.bounds(...args), read: (...args) => stage.log.reader.read(...args) };
  };

  test('folds nothing of the log before, which its reader may still give it', async () => {
    const states = new Switch(stage.log.states);
    const { control, reader: before } = stage.log;
    const reader = readerOfNow();
    const pump = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states, reader }));
    await stage.append([500, 500, 500, 500]);
    const [first, second] = [await stage.batchFor(pump, 2), await before.read(0, (await before.bounds(0)).next - 2, 2)];
    stage.log = stage.open();
    stage.nowMs += 5;
    await stage.append([200]);
    states.store = stage.open().states;
    await pump.take(0, first);
    await pump.take(0, second);
    expect(await control.read(0)).toContainEqual(expect.objectContaining({ change: expect.objectContaining({ number: 2 }) }));
    expect((await states.store.claim(0, 'looking')).meta).toMatchObject({ incarnation: 2, next: 1 });
  });

  test('folds nothing of a log that took the place of the one it was catching up with', async () => {
    const states = new Switch(stage.log.states);
    const { control, reader: before } = stage.log;
    const pump = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states, control, reader: readerOfNow() }));
    await stage.append([500, 500, 500, 500, 500]);
    const begunAt = (await before.bounds(0)).next - 5;
    const [first, second] = [await before.read(0, begunAt, 2), await before.read(0, begunAt + 2, 3)];
    for (const [codes, batch] of [[[200], first], [[200, 200], second]] as const) {
      stage.log = stage.open();
      stage.nowMs += 5;
      await stage.append([...codes]);
      if (batch === first) states.store = stage.open().states;
      await pump.take(0, batch);
    }
    const { identity } = await stage.log.reader.bounds(0);
    expect(await control.read(0)).toContainEqual(expect.objectContaining({ change: expect.objectContaining({ number: 3, identity }) }));
    expect((await states.store.claim(0, 'looking')).meta).toMatchObject({ incarnation: 3, next: 2 });
  });

  test('K2 FENCED: passes over nothing that can’t be read for the moment', async () => {
    const states = new Switch(stage.log.states);
    const log = stage.log.reader;
    let isBlind = false;
    const reader: OutcomeReader = { run: (handler) => log.run(handler), bounds: (...args) => log.bounds(...args), read: async (...args) => (isBlind ? [] : await log.read(...args)) };
    const pump = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states, reader }, 'ingest', { areQuietCommitsDeferred: true }));
    await pump.pulse(stage.nowMs);
    await stage.append([500, 500]);
    await stage.run(pump);
    await stage.log.states.claim(0, 'ingest');
    isBlind = true;
    await pump.pulse(stage.nowMs);
    await stage.append([500]);
    const last = await log.read(0, (await log.bounds(0)).next - 1, 1);
    await expect(pump.take(0, last)).rejects.toThrow('no record was given');
    isBlind = false;
    await pump.take(0, last);
    await pump.pulse(stage.nowMs);
    expect((await stage.stored())?.window).toMatchObject({ total: 3, errors: 3 });
  });
});

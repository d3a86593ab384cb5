/** Batches that change no breaker's state, where their commits are deferred: who commits them, and when. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ControlLog, Pump } from '#engine';
import { PumpStage, Switch } from '../support/pump-stage.ts';

describe('the pump, told to defer quiet commits,', () => {
  let stage: PumpStage;
  let states: Switch;
  let pump: Pump;
  beforeEach(async () => {
    stage = new PumpStage();
    states = new Switch(stage.log.states);
    pump = await stage.inForce({ errorAmountThreshold: 5 }, stage.pumpOn({ states }, 'ingest', { areQuietCommitsDeferred: true }));
    await pump.pulse(stage.nowMs);
    states.answers.length = 0;
  });
  afterEach(() => stage.close());

  const window = async (): Promise<unknown> => (await stage.stored())?.window;

  test('folds quiet batches and leaves them to the pulse, which commits them as one', async () => {
    for (let batch = 0; batch < 3; batch++) {
      await stage.append([500]);
      await stage.run(pump);
    }
    expect(states.answers).toEqual([]);
    await pump.pulse(stage.nowMs);
    await pump.pulse(stage.nowMs);
    expect(states.answers).toEqual(['OK']);
    expect(await window()).toMatchObject({ total: 3, errors: 3 });
  });

  test('leaves quiet batches to the pulse though a pulse before still waits for the log', async () => {
    let letGo = (): void => {};
    const { control } = stage.log;
    const slow: ControlLog = {
      append: (entries) => control.append(entries),
      onNews: (listener) => control.onNews(listener),
      read: async (from) => (await held, await control.read(from)),
    };
    let held: Promise<void> | undefined;
    const other = stage.pumpOn({ states, control: slow }, 'ingest', { areQuietCommitsDeferred: true });
    await stage.run(other);
    held = new Promise((resolve) => (letGo = resolve));
    const stuck = other.pulse(stage.nowMs);
    await stage.append([500]);
    await stage.run(other);
    const later = other.pulse(stage.nowMs);
    await vi.waitFor(async () => expect(await window()).toMatchObject({ total: 1 }));
    letGo();
    await Promise.all([stuck, later]);
  });

  test('commits a trip at once, with everything before it', async () => {
    await stage.append([200, 500, 500]);
    await stage.run(pump);
    await stage.append([500, 500, 500]);
    await stage.run(pump);
    expect(states.answers).toEqual(['OK']);
    expect(await stage.stored()).toMatchObject({ state: 'open', generation: 2 });
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('commits documents that come into force at once', async () => {
    await stage.apply({ errorAmountThreshold: 7 });
    await pump.pulse(stage.nowMs);
    states.answers.length = 0;
    await stage.run(pump);
    expect(states.answers).toEqual(['OK']);
  });

  test('commits what is left when the partition is given up', async () => {
    await stage.append([500, 500]);
    await stage.run(pump);
    await pump.revoked(0);
    expect(states.answers).toEqual(['OK']);
    expect(await window()).toMatchObject({ total: 2 });
    await pump.pulse(stage.nowMs);
    expect(states.answers).toEqual(['OK']);
  });

  test('K2 FENCED: contends with no newer owner when it gives the partition up', async () => {
    await stage.append([500, 500]);
    await stage.run(pump);
    const { epoch } = await stage.log.states.claim(0, 'ingest');
    await pump.revoked(0);
    expect(states.answers).toEqual(['FENCED']);
    expect((await stage.log.states.claim(0, 'ingest')).epoch).toBe(epoch + 1);
  });

  test('loses and repeats nothing with its owner: the next one folds what was not committed', async () => {
    await stage.append([500, 200]);
    await stage.run(pump);
    const next = stage.pumpOn({ states }, 'ingest', { areQuietCommitsDeferred: true });
    await stage.run(next);
    await next.pulse(stage.nowMs);
    expect(await window()).toMatchObject({ total: 2, errors: 1 });
  });

  test('folds nothing more while the store takes no commit, and goes on with the same batch', async () => {
    const { commit } = states;
    await stage.append([500]);
    await stage.run(pump);
    states.commit = () => Promise.reject(new Error('no store'));
    await pump.pulse(stage.nowMs);
    await stage.append([500]);
    const batch = await stage.batchFor(pump, 10);
    const before = pump.positions();
    await expect(pump.take(0, batch)).rejects.toThrow('no store');
    expect(pump.positions()).toEqual(before);
    states.commit = commit;
    await pump.take(0, batch);
    await pump.pulse(stage.nowMs);
    expect(await window()).toMatchObject({ total: 2, errors: 2 });
  });

  test('folds nothing more while a commit is answered and what follows from the answer fails', async () => {
    await stage.append([500]);
    await stage.run(pump);
    states.store = stage.open().states;
    stage.log.reader.bounds = () => Promise.reject(new Error('no log'));
    await pump.pulse(stage.nowMs);
    await stage.append([500]);
    const batch = await stage.batchFor(pump, 10);
    const before = pump.positions();
    await expect(pump.take(0, batch)).rejects.toThrow('no log');
    expect(pump.positions()).toEqual(before);
  });
});

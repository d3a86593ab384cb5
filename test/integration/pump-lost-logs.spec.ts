/** V1: what becomes of a partition whose log, or what the store kept of it, is lost, by the handling that was chosen. */
import { DatabaseSync } from 'node:sqlite';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openEmbedded } from '#drivers';
import { GivesWay, LostLogError, type Checkpoint, type OutcomeReader, type PartitionMeta, type Pump, type StateStore } from '#engine';
import { PumpStage, Switch, type PumpSettings } from '../support/pump-stage.ts';

describe('V1: a lost log', () => {
  let stage: PumpStage;
  let first: number;
  beforeEach(() => {
    stage = new PumpStage();
    first = 0;
  });
  afterEach(() => stage.close());

  /** The stage's log, without what lies before `first`. */
  const cut: OutcomeReader = {
    run: (handler) => stage.log.reader.run(handler),
    bounds: async (partition) => {
      const bounds = await stage.log.reader.bounds(partition);
      return first === 0 ? bounds : { ...bounds, first, identity: undefined };
    },
    read: (partition, from, max) => stage.log.reader.read(partition, Math.max(from, first), max),
  };
  const end = async (): Promise<number> => (await stage.log.reader.bounds(0)).next;
  const meta = async (states: StateStore = stage.log.states): Promise<PartitionMeta | undefined> => (await states.claim(0, 'looking')).meta;
  const events = (what: string): unknown[] => stage.observed.filter((each) => each.what === what).map(({ detail }) => detail);
  const numbers = async (): Promise<number[]> =>
    (await stage.log.control.read(0)).flatMap(({ change }) => (change.kind === 'incarnation' ? [change.number] : []));
  const forced = async (pump: Pump): Promise<void> => {
    await pump.pulse(stage.nowMs);
    await run(pump);
  };
  const run = async (pump: Pump): Promise<void> => {
    for (;;) {
      const next = pump.positions()[0]?.next ?? (await pump.assigned(0));
      const records = await cut.read(0, next, 1_000);
      if (records.length === 0) return;
      await pump.take(0, records);
    }
  };

  /** A policy in force, and three errors counted by somebody who is gone. */
  const counted = async (): Promise<Pump> => {
    const pump = await stage.inForce({ errorAmountThreshold: 100 });
    await stage.append([500, 500, 500]);
    await stage.run(pump);
    return pump;
  };
  const pumpOn = (settings: PumpSettings, states?: StateStore): Pump => stage.pumpOn({ reader: cut, ...(states === undefined ? {} : { states }) }, 'ingest', settings);

  /** The store as it was is lost, and so is all of the log but the last record. */
  const cutWithEmptyStore = async (): Promise<Switch> => {
    await stage.append([500]);
    first = (await end()) - 1;
    return new Switch(stage.open().states);
  };

  test('cut, rebuild: goes on from the newest checkpoint that fits, in the same incarnation, as if nothing had been lost', async () => {
    const pump = await counted();
    const states = await cutWithEmptyStore();
    const checkpoint = await checkpointOf(pump);
    await stage.log.checkpoints.append({ ...checkpoint, next: checkpoint.next - 2, snapshots: [] });
    await stage.log.checkpoints.append({ ...checkpoint, identity: 'another log', snapshots: [] });
    await stage.log.checkpoints.append(checkpoint);
    const next = pumpOn({ lostLog: 'rebuild' }, states);
    await run(next);
    await next.pulse(stage.nowMs);
    expect(await numbers()).toEqual([1]);
    expect((await stage.stored(states))?.window).toMatchObject({ total: 4, errors: 4 });
    expect(events('lost')).toEqual([expect.objectContaining({ kind: 'cut', from: 0, handled: 'checkpoint', bounds: { first, next: first + 1 } })]);
  });

  test('cut, rebuild: with no checkpoint, a new incarnation is folded from what the log still has', async () => {
    await counted();
    const states = await cutWithEmptyStore();
    const pump = pumpOn({ lostLog: 'rebuild' }, states);
    await run(pump);
    await forced(pump);
    expect(await numbers()).toEqual([1, 2]);
    expect(await stage.stored(states)).toMatchObject({ incarnation: 2, state: 'closed', window: { total: 0 } });
    expect(events('lost')).toEqual([expect.objectContaining({ kind: 'cut', handled: 'rebuild' })]);
  });

  test('cut, cold: all is closed and empty from the log’s end on, whatever it still has', async () => {
    const before = await counted();
    const states = await cutWithEmptyStore();
    await stage.log.checkpoints.append(await checkpointOf(before));
    const startOffset = await end();
    const pump = pumpOn({ lostLog: 'cold' }, states);
    await run(pump);
    await forced(pump);
    expect((await stage.log.control.read(0)).at(-1)).toMatchObject({ change: { kind: 'incarnation', number: 2, startOffset } });
    expect(await stage.stored(states)).toMatchObject({ incarnation: 2, state: 'closed', window: { total: 0 } });
    await stage.append([500]);
    await run(pump);
    expect((await stage.stored(states))?.window).toMatchObject({ total: 1 });
    expect(events('lost')).toEqual([expect.objectContaining({ kind: 'cut', handled: 'cold' })]);
  });

  test('cut, stop: nothing is folded or written, and what to do is said; another choice goes on', async () => {
    await counted();
    const states = await cutWithEmptyStore();
    const control = (await stage.log.control.read(0)).length;
    const pump = pumpOn({ lostLog: 'stop' }, states);
    for (let tries = 0; tries < 2; tries++) await expect(pump.assigned(0)).rejects.toThrow(LostLogError);
    await pump.pulse(stage.nowMs);
    expect(events('leftAlone')[0]).toMatch(/partition 0: the log was cut: it begins at \d+, needed from 0.*FUSEBOARD_LOST_LOG=stop.*fuseboard rebuild/);
    expect(await meta(states)).toBeUndefined();
    expect((await stage.log.control.read(0)).length).toBe(control);
    await run(pumpOn({ lostLog: 'rebuild' }, states));
    expect(events('claimed')).toEqual([0]);
    expect(await meta(states)).toMatchObject({ incarnation: 2 });
  });

  test.each(['rebuild', 'cold', 'stop'] as const)('cut while an owner lags, %s: what is gone is never passed over in silence', async (lostLog) => {
    await counted();
    const pump = pumpOn({ lostLog });
    await run(pump);
    const stood = (await meta())?.next ?? 0;
    await stage.append([500, 500, 500, 500]);
    first = stood + 2;
    const refused = await pump.take(0, await cut.read(0, stood, 100)).catch((error: unknown) => error);
    expect(refused instanceof LostLogError).toBe(lostLog === 'stop');
    expect(events('lost')[0]).toMatchObject({ kind: 'cut', from: stood, handled: lostLog, fromMs: expect.any(Number), bounds: { first } });
    expect(await meta()).toMatchObject(lostLog === 'stop' ? { incarnation: 1, next: stood } : { incarnation: 2, next: await end() });
  });

  test('a gap with nothing lost is none', async () => {
    await counted();
    const pump = pumpOn({ lostLog: 'stop' });
    await run(pump);
    const stood = (await meta())?.next ?? 0;
    await stage.append([500, 500]);
    await pump.take(0, await stage.log.reader.read(0, stood + 1, 1));
    expect(events('lost')).toEqual([]);
  });

  test('a store behind what the log still has is a loss, whose span is told', async () => {
    await counted();
    const stood = (await meta())?.next ?? 0;
    await stage.append([500, 500]);
    first = stood + 1;
    await run(pumpOn({ lostLog: 'rebuild' }));
    expect(events('lost')).toEqual([expect.objectContaining({ kind: 'cut', what: `the log was cut: it begins at ${first}, needed from ${stood}`, from: stood })]);
    expect(await meta()).toMatchObject({ incarnation: 2 });
  });

  test('replaced, stop: a log made again under a running owner is not folded, and the store stays as it was', async () => {
    const states = new Switch(stage.log.states);
    const { control } = stage.log;
    const pump = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states, control, reader: cut }, 'ingest', { lostLog: 'stop' }));
    const before = await meta(states);
    stage.log = stage.open();
    stage.nowMs += 5;
    await stage.append([500, 500]);
    await pump.revoked(0);
    await expect(pump.assigned(0)).rejects.toThrow('the log is another one');
    expect(events('lost')).toContainEqual(expect.objectContaining({ kind: 'replaced', handled: 'stop' }));
    expect(await meta(states)).toEqual(before);
  });

  test('replaced, on the spot: a log made again that has grown past where its owner stands is told within seconds, before any claim', async () => {
    const states = new Switch(stage.log.states);
    const { control } = stage.log;
    const pump = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states, control, reader: cut }));
    const stood = await meta(states);
    stage.log = stage.open();
    stage.nowMs += 5;
    await stage.append(Array.from({ length: (stood?.next ?? 0) + 5 }, () => 500));
    const heard = { partition: 0, ...(stood === undefined ? {} : { meta: stood }), snapshots: [] };
    await pump.heard({ ...heard, storeTime: { atMs: 0, askedMonotonicMs: 0, toldMonotonicMs: 10_000 } });
    expect(events('lost')).toEqual([expect.objectContaining({ kind: 'replaced', handled: 'rebuild' })]);
    await pump.take(0, await cut.read(0, stood?.next ?? 0, 100));
    expect(await meta(states)).toMatchObject({ incarnation: 2, next: await end() });
  });

  test('foreign: the state of another log under our incarnation’s number is not taken for ours', async () => {
    await counted();
    const states = new Switch(stage.open().states);
    const nothing = { snapshots: [], outbox: [], ids: [] };
    await states.commit({ partition: 0, group: 'other', epoch: 0, incarnation: 1, commitId: 'x', expected: null, next: 2, clockMs: 1, control: -1, log: 'another log', ...nothing });
    await run(pumpOn({ lostLog: 'rebuild' }, states));
    expect(events('lost')).toEqual([expect.objectContaining({ kind: 'foreign', handled: 'rebuild' })]);
    expect(await stage.stored(states)).toMatchObject({ incarnation: 2, window: { total: 3 } });
  });

  /** As a newer or broken Fuseboard left it. */
  const unreadable = (): Switch => {
    const states = new Switch(stage.log.states);
    states.claim = async (...args) => {
      const { meta: its, epoch } = await states.store.claim(...args);
      return { epoch, ...(its === undefined ? {} : { meta: its }), snapshots: [], ids: [], outbox: [], unreadable: 'a snapshot: version 9 is not known here, 1 is' };
    };
    return states;
  };

  test('unreadable, rebuild: what the store held is folded again to the same end, and written again though nothing new comes', async () => {
    await counted();
    const [before, its] = [await stage.stored(), await meta()];
    await run(pumpOn({ lostLog: 'rebuild' }, unreadable()));
    expect(events('lost')).toEqual([expect.objectContaining({ kind: 'unreadable', handled: 'rebuild', what: expect.stringContaining('version 9') })]);
    expect(await stage.stored()).toEqual(before);
    expect(await meta()).toEqual({ ...its, sequence: (its?.sequence ?? 0) + 1 });
  });

  test('unreadable, cold: a new incarnation', async () => {
    await counted();
    await run(pumpOn({ lostLog: 'cold' }, unreadable()));
    expect(await numbers()).toEqual([1, 2]);
  });

  test('unreadable, stop: it is left alone', async () => {
    await counted();
    await expect(pumpOn({ lostLog: 'stop' }, unreadable()).assigned(0)).rejects.toThrow('version 9');
  });

  test('a snapshot of another version in the embedded store is found when it is claimed, and folded again', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'fuseboard-lost-'));
    try {
      stage.log = openEmbedded({ dataDir, now: () => stage.nowMs });
      await counted();
      const before = await stage.stored();
      await stage.log.close();
      const sqlite = new DatabaseSync(join(dataDir, 'fuseboard.sqlite'));
      sqlite.exec(`UPDATE snapshots SET value = CAST(replace(CAST(value AS TEXT), '"v":1', '"v":9') AS BLOB)`);
      sqlite.close();
      stage.log = openEmbedded({ dataDir, now: () => stage.nowMs });
      await run(pumpOn({ lostLog: 'rebuild' }));
      expect(events('lost')).toEqual([expect.objectContaining({ kind: 'unreadable', what: expect.stringContaining('version 9') })]);
      expect(await stage.stored()).toEqual(before);
    } finally {
      await stage.log.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });

  test('what a newer Fuseboard wrote is left alone, whatever is chosen', async () => {
    await counted();
    const states = new Switch(stage.log.states);
    states.claim = () => Promise.reject(new GivesWay('written by a newer Fuseboard'));
    const before = await meta();
    await expect(pumpOn({ lostLog: 'rebuild' }, states).assigned(0)).rejects.toThrow(GivesWay);
    expect(events('leftAlone')).toEqual(['written by a newer Fuseboard']);
    expect(await meta()).toEqual(before);
  });

  /** Where the pump stands, as its checkpointer would write it. */
  async function checkpointOf(pump: Pump): Promise<Checkpoint> {
    await stage.run(pump);
    const { states, reader } = stage.log;
    const { meta: its, snapshots, ids } = await states.claim(0, 'looking');
    const { incarnation, next, clockMs, control } = its!;
    return { partition: 0, incarnation, identity: (await reader.bounds(0)).identity!, next, clockMs, control, snapshots, ids };
  }
});

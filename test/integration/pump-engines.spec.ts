/** Two versions of the engine on one partition, as a rolling upgrade has them: at each record one set of rules is in force. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ENGINE_VERSION, GivesWay, PartitionFold, type PartitionMeta, type Pump } from '#engine';
import { PumpStage, Switch } from '../support/pump-stage.ts';

const OLD = ENGINE_VERSION;
const NEW = ENGINE_VERSION + 1;

describe('engine', () => {
  let stage: PumpStage;
  beforeEach(() => {
    stage = new PumpStage();
  });
  afterEach(() => stage.close());

  const pumpOf = (engine: number, group = 'ingest', states = new Switch(stage.log.states)): Pump => stage.pumpOn({ states }, group, { engine });
  const meta = async (): Promise<PartitionMeta | undefined> => (await stage.log.states.claim(0, 'looking')).meta;
  const events = (what: string): unknown[] => stage.observed.filter((each) => each.what === what).map(({ detail }) => detail);
  const raised = async (): Promise<number[]> => (await stage.log.control.read(0)).flatMap(({ change }) => (change.kind === 'engine' ? [change.version] : []));
  /** Its mark appended and folded. */
  const intoForce = async (pump: Pump): Promise<void> => {
    await stage.run(pump);
    await pump.pulse(stage.nowMs);
    await stage.run(pump);
  };

  test('the present one is in each commit, and says nothing of itself in the control log', async () => {
    await stage.inForce({ errorAmountThreshold: 5 });
    expect(await meta()).toMatchObject({ engine: ENGINE_VERSION });
    expect(await raised()).toEqual(ENGINE_VERSION === 1 ? [] : [ENGINE_VERSION]);
  });

  test('a newer one goes on from what the older one committed, in the same incarnation, from a mark in the log on, and says so', async () => {
    const old = await stage.inForce({ errorAmountThreshold: 5 }, pumpOf(OLD));
    await stage.append([500, 500, 500]);
    await stage.run(old);
    const young = pumpOf(NEW);
    await stage.run(young);
    expect(await meta()).toMatchObject({ engine: OLD });
    await intoForce(young);
    expect(events('upgraded')).toEqual([{ engine: NEW, before: OLD }]);
    expect(await raised()).toEqual([NEW]);
    expect(await meta()).toMatchObject({ engine: NEW, incarnation: 1 });
    await stage.append([500, 500]);
    await stage.run(young);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('an older one never folds the mark by which newer rules come into force: it leaves the partition alone, and changes nothing', async () => {
    const old = await stage.inForce({ errorAmountThreshold: 3 }, pumpOf(OLD));
    const young = pumpOf(NEW, 'hot');
    await intoForce(young);
    const before = await meta();
    await stage.append([500, 500, 500]);
    const batch = await stage.batchFor(old, 100);
    for (let tries = 0; tries < 2; tries++) await expect(old.take(0, batch)).rejects.toThrow(GivesWay);
    await old.pulse(stage.nowMs);
    expect(events('leftAlone')[0]).toBe(`partition 0 is folded by engine ${NEW}, and this process has engine ${OLD}: it leaves the partition alone; upgrade it`);
    expect(await meta()).toEqual(before);
    await stage.run(young);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('an older one is given no partition that a newer one has committed to', async () => {
    await stage.inForce({ errorAmountThreshold: 3 }, pumpOf(NEW));
    const before = await meta();
    await expect(pumpOf(OLD).assigned(0)).rejects.toThrow(GivesWay);
    expect(events('leftAlone')).toEqual([expect.stringContaining(`this process has engine ${OLD}`)]);
    expect(await meta()).toEqual(before);
    expect(await raised()).toEqual([NEW]);
  });

  test('an older one that folds all again into an empty store stops at the same mark', async () => {
    const young = await stage.inForce({ errorAmountThreshold: 3 }, pumpOf(NEW));
    await stage.append([500]);
    await stage.run(young);
    const states = new Switch(stage.open().states);
    await expect(stage.run(pumpOf(OLD, 'ingest', states))).rejects.toThrow(GivesWay);
    expect((await states.claim(0, 'looking')).meta).toBeUndefined();
  });

  test('a newer standby folds beside an older active by the older rules, until an active is newer', async () => {
    const old = await stage.inForce({ errorAmountThreshold: 3 }, pumpOf(OLD));
    const standby = pumpOf(NEW, 'hot-standby');
    await stage.run(standby);
    expect(await raised()).toEqual([]);
    await stage.append([500, 500, 500]);
    await stage.run(standby);
    await stage.run(old);
    expect(await meta()).toMatchObject({ engine: OLD });
    await intoForce(pumpOf(NEW));
    await stage.append([500]);
    await stage.run(standby);
    expect(await meta()).toMatchObject({ engine: NEW });
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('a forged mark raises no rules', async () => {
    const old = await stage.inForce({ errorAmountThreshold: 3 }, pumpOf(OLD));
    const control = await stage.log.control.append([{ author: 'fuseboard', reason: 'x', source: 'fuseboard', change: { kind: 'engine', version: NEW } }]);
    await stage.log.outcomes.appendMark(0, { control, hash: 'guessed' });
    await stage.append([500, 500, 500]);
    await stage.run(old);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('a fold alone, as verify and replay run it, refuses rules that it doesn’t know', async () => {
    await stage.inForce({ errorAmountThreshold: 3 }, pumpOf(NEW));
    const control = await stage.log.control.read(0);
    const start = { partition: 0, incarnation: 1, next: 0, clockMs: 0, control: -1, snapshots: [], ids: [] };
    const fold = (): PartitionFold => new PartitionFold(start, (offset) => control[offset], { owns: () => true });
    const records = await stage.log.reader.read(0, 0, 100);
    expect(() => fold().fold(records)).toThrow(GivesWay);
    expect(() => new PartitionFold({ ...start, control: control.length - 1 }, (offset) => control[offset], { owns: () => true })).toThrow(GivesWay);
  });
});

/** A hot standby beside an active (0022): what it leaves to it, and what it does when that is gone. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Pump } from '#engine';
import { PumpStage, Switch } from '../support/pump-stage.ts';

describe('a standby', () => {
  let stage: PumpStage;
  let states: Switch;
  let active: Pump;
  let standby: Pump;
  beforeEach(async () => {
    stage = new PumpStage();
    states = new Switch(stage.log.states);
    active = await stage.inForce({ errorAmountThreshold: 3, degradedTimeWindow: '10s' });
    standby = stage.pumpOn({ states }, 'hot-standby', { areQuietCommitsDeferred: true });
    await stage.run(standby);
    states.answers.length = 0;
  });
  afterEach(() => stage.close());

  const end = async (): Promise<number> => (await stage.log.reader.bounds(0)).next;

  test('leaves quiet batches to the active, and commits a trip at once with all that was left', async () => {
    await stage.append([500, 500]);
    await stage.run(standby);
    await standby.pulse(stage.nowMs);
    expect(states.answers).toEqual([]);
    await stage.append([500]);
    await stage.run(standby);
    expect(states.answers).toEqual(['OK']);
    expect(await stage.stored()).toMatchObject({ state: 'open', generation: 2, next: await end() });
    await stage.run(active);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('goes on from what it hears that the active has committed, and asks nobody twice', async () => {
    await stage.append([500, 500]);
    await stage.run(active);
    await stage.run(standby);
    const meta = (await stage.log.states.claim(0, 'looking')).meta!;
    await standby.heard({ partition: 0, meta, storeTime: { atMs: stage.nowMs, askedMonotonicMs: stage.nowMs, toldMonotonicMs: stage.nowMs }, snapshots: [] });
    await stage.append([500]);
    await stage.run(standby);
    expect(states.answers).toEqual(['OK']);
  });

  test('leaves the first mark to the active, and appends it 300 ms later if none has come', async () => {
    await stage.apply({ errorAmountThreshold: 4 });
    const before = await end();
    await standby.pulse(stage.nowMs);
    expect(await end()).toBe(before);
    await standby.pulse(stage.nowMs + 300);
    expect(await end()).toBe(before + 1);
    await stage.run(standby);
    expect(states.answers).toEqual(['OK']);
  });

  test('closes within a second what is due, though no active lives', async () => {
    await stage.append([500, 500, 500]);
    await stage.run(standby);
    const before = await end();
    stage.nowMs += 10_001;
    await standby.pulse(stage.nowMs);
    expect(await end()).toBe(before);
    stage.nowMs += 300;
    await standby.pulse(stage.nowMs);
    await stage.run(standby);
    expect(await stage.stored()).toMatchObject({ state: 'closed', generation: 3 });
  });
});

/**
 * Whatever the store answers to a commit (K2), the pump neither loses nor repeats a record.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Commit, Outcome, OutcomeReader, StateStore } from '#engine';
import { PumpStage, Switch } from '../support/pump-stage.ts';

describe('the pump, answered by its store,', () => {
  let stage: PumpStage;
  beforeEach(() => {
    stage = new PumpStage();
  });
  afterEach(() => stage.close());

  test('K2 ALREADY: a lost reply counts nothing twice', async () => {
    const states = new Switch(stage.log.states);
    const pump = await stage.inForce({ errorAmountThreshold: 3 }, stage.pumpOn({ states }));
    await stage.append([500, 500]);
    states.loseReplies = 1;
    await expect(stage.run(pump)).rejects.toThrow('lost');
    await stage.append([500]);
    await stage.run(pump);
    expect(states.answers).toContain('ALREADY');
    expect(await stage.transitions()).toEqual(['2: closed → open']);
    expect(await stage.stored()).toMatchObject({ state: 'open', generation: 2 });
  });

  test('a store that fails has its commit again with the same batch, and nothing is folded twice', async () => {
    const states = new Switch(stage.log.states);
    const pump = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states }));
    await stage.append([500, 500]);
    const batch = await stage.batchFor(pump, 100);
    const { commit } = states;
    states.commit = () => Promise.reject(new Error('no store'));
    await expect(pump.take(0, batch)).rejects.toThrow('no store');
    states.commit = commit;
    await pump.take(0, batch);
    expect((await stage.stored())?.window).toMatchObject({ total: 2, errors: 2 });
  });

  test('a batch that begins before where the pump stands counts nothing twice, though its records have no ids', async () => {
    const pump = await stage.inForce({ errorAmountThreshold: 100 });
    const [{ next } = { next: 0 }] = pump.positions();
    const failed: Outcome = { upstream: 'shop.local', atMs: stage.nowMs, reporter: 'r', result: { kind: 'status', code: 500 }, count: 1 };
    await stage.log.outcomes.append([failed, failed]);
    await stage.run(pump);
    await stage.log.outcomes.append([failed]);
    await pump.take(0, await stage.log.reader.read(0, next, 1_000));
    expect((await stage.stored())?.window).toMatchObject({ total: 3, errors: 3 });
  });

  test('K2 AHEAD: a standby of another group folds too; whoever is first wins, and both go on', async () => {
    const active = new Switch(stage.log.states);
    const standby = new Switch(stage.log.states);
    const a = await stage.inForce({ errorAmountThreshold: 3, degradedTimeWindow: '10s' }, stage.pumpOn({ states: active }, 'a'));
    const b = stage.pumpOn({ states: standby }, 'b');
    await stage.run(b);
    await stage.append([500, 200]);
    await stage.run(a);
    await stage.append([500, 500]);
    await stage.run(b, 3);
    await stage.run(a);
    expect(standby.answers).toContain('OK');
    expect(active.answers).toContain('AHEAD');
    expect(await stage.transitions()).toEqual(['2: closed → open']);
    expect(await stage.stored()).toMatchObject({ state: 'open', generation: 2, next: (await stage.log.reader.bounds(0)).next });
  });

  test('K2 REGRESSED: a store that was emptied while nobody called is written again once that is heard of', async () => {
    const states = new Switch(stage.log.states);
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ states }));
    await stage.append([500, 500]);
    await stage.run(pump);
    const before = await stage.stored();
    const meta = (await stage.log.states.claim(0, 'looking')).meta!;
    states.answers.length = 0;
    const storeTime = { atMs: stage.nowMs, askedMonotonicMs: stage.nowMs, toldMonotonicMs: stage.nowMs };
    await pump.heard({ partition: 0, meta, storeTime, snapshots: [] });
    expect(states.answers).toEqual([]);
    states.store = stage.open().states;
    await pump.heard({ partition: 0, storeTime, snapshots: [] });
    expect(states.answers).toEqual(['REGRESSED', 'OK']);
    expect(await stage.stored(states)).toEqual(before);
  });

  test('K3 REGRESSED: what a store that fell back holds in its outbox again is emptied once more', async () => {
    const states = new Switch(stage.log.states);
    const commits: Commit[] = [];
    const { commit } = states;
    states.commit = async (each) => {
      commits.push(each);
      return await commit(each);
    };
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ states }));
    await stage.append([500, 500]);
    await stage.run(pump);
    // As it was when the trip was committed, and not told yet.
    const fallen = stage.open().states;
    for (const each of commits.splice(0)) await fallen.commit(each);
    expect((await fallen.claim(0, 'looking')).outbox).toHaveLength(1);
    await stage.append([200]);
    await stage.run(pump);
    states.store = fallen;
    await stage.append([200]);
    await stage.run(pump);
    expect(states.answers.slice(-2)).toEqual(['REGRESSED', 'OK']);
    expect((await fallen.claim(0, 'looking')).outbox).toEqual([]);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('K2 AHEAD: who is behind the store takes nothing back on old news of it', async () => {
    const behind = new Switch(stage.log.states);
    const a = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({}, 'a'));
    const b = stage.pumpOn({ states: behind }, 'b');
    await stage.run(b);
    const old = (await stage.log.states.claim(0, 'looking')).meta!;
    await stage.append([500, 500, 500, 500]);
    await stage.run(a);
    await b.take(0, await stage.batchFor(b, 2));
    expect(behind.answers.at(-1)).toBe('AHEAD');
    const storeTime = { atMs: stage.nowMs, askedMonotonicMs: stage.nowMs, toldMonotonicMs: stage.nowMs };
    await b.heard({ partition: 0, meta: old, storeTime, snapshots: [] });
    expect((await stage.log.states.claim(0, 'looking')).meta?.next).toBe((await stage.log.reader.bounds(0)).next);
  });

  test('news of a commit are no reason for another one, however late they are, nor is anything heard while one is under way', async () => {
    const states = new Switch(stage.log.states);
    const pump = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states }));
    const old = (await stage.log.states.claim(0, 'looking')).meta!;
    await stage.append([500]);
    await stage.run(pump);
    await stage.append([500]);
    const batch = await stage.batchFor(pump, 10);
    states.answers.length = 0;
    await pump.heard({ partition: 0, meta: old, snapshots: [] });
    const storeTime = { atMs: stage.nowMs, askedMonotonicMs: stage.nowMs, toldMonotonicMs: stage.nowMs };
    await Promise.all([pump.take(0, batch), pump.heard({ partition: 0, meta: old, storeTime, snapshots: [] })]);
    expect(states.answers).toEqual(['OK']);
  });

  test('K2 FENCED: an older owner of the same group drops what it holds, claims again and goes on', async () => {
    const states = new Switch(stage.log.states);
    const old = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states }));
    const young = stage.pumpOn();
    await stage.append([500, 500]);
    await stage.run(young);
    await stage.append([500]);
    await stage.run(old);
    expect(states.answers).toContain('FENCED');
    expect((await stage.stored())?.window).toMatchObject({ total: 3, errors: 3 });
  });

  test('K2 FENCED: an owner that was ahead of the store folds again from where the store is', async () => {
    const states = new Switch(stage.log.states);
    const old = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states }));
    await stage.append([500, 500]);
    const { epoch } = await stage.log.states.claim(0, 'ingest');
    await stage.run(old);
    expect(states.answers).toContain('FENCED');
    expect((await stage.stored())?.window).toMatchObject({ total: 2, errors: 2 });
    expect((await stage.log.states.claim(0, 'ingest')).epoch).toBe(epoch + 2);
  });

  test('K2 AHEAD: who must write all again waits until it is past the store, and takes nothing back', async () => {
    const ahead = new Switch(stage.log.states);
    const behind = new Switch(stage.log.states);
    const a = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states: ahead }, 'a'));
    const b = stage.pumpOn({ states: behind }, 'b');
    await stage.run(b);
    await stage.append([500, 500, 500]);
    await stage.run(a);
    const emptied = stage.open().states;
    ahead.store = emptied;
    await stage.append([500]);
    let isFirst = true;
    behind.store = {
      claim: (...args) => emptied.claim(...args),
      published: (...args) => emptied.published(...args),
      commit: async (commit) => {
        const answer = await emptied.commit(commit);
        // Between this answer and what it makes of it, the other one has written all again.
        if (isFirst) await stage.run(a);
        isFirst = false;
        return answer;
      },
    };
    await b.take(0, await stage.batchFor(b, 2));
    expect(behind.answers).toEqual(expect.arrayContaining(['REGRESSED', 'AHEAD']));
    expect((await emptied.claim(0, 'looking')).meta?.next).toBe((await stage.log.reader.bounds(0)).next);
    await stage.run(b);
    await stage.append([500]);
    await stage.run(b);
    expect((await stage.stored(emptied))?.window).toMatchObject({ total: 5, errors: 5 });
  });

  test('K2 FENCED: a log that can’t be read while folding again loses no record', async () => {
    const states = new Switch(stage.log.states);
    const log = stage.log.reader;
    let fails = 0;
    const reader: OutcomeReader = {
      run: (handler) => log.run(handler),
      bounds: (partition) => log.bounds(partition),
      read: (...args) => (fails-- > 0 ? Promise.reject(new Error('no log')) : log.read(...args)),
    };
    const pump = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ states, reader }));
    const fellBack = stage.open().states;
    // Its epochs are further than ours, so that we are fenced.
    for (let epoch = 0; epoch < 2; epoch++) await fellBack.claim(0, 'ingest');
    await stage.append([500, 500]);
    await stage.run(pump);
    await stage.append([500]);
    const batch = await stage.batchFor(pump, 100);
    states.store = fellBack;
    fails = 1;
    await expect(pump.take(0, batch)).rejects.toThrow('no log');
    await pump.take(0, batch);
    expect((await stage.stored(fellBack))?.window).toMatchObject({ total: 3, errors: 3 });
  });

  test('K2 REGRESSED: a store that was emptied gets everything again', async () => {
    const states = new Switch(stage.log.states);
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ states }));
    await stage.append([500, 500]);
    await stage.run(pump);
    states.store = stage.open().states;
    await stage.append([200]);
    await stage.run(pump);
    expect(states.answers).toContain('REGRESSED');
    expect(await stage.stored(states.store)).toMatchObject({ state: 'open', generation: 2 });
    const { ids: kept } = await states.store.claim(0, 'looking');
    expect(kept).toHaveLength(3);
  });

  test('K2 REGRESSED: a store that fell back in time gets everything again', async () => {
    const states = new Switch(stage.log.states);
    const behind = stage.open();
    const both: StateStore = {
      claim: async (...args) => (await behind.states.claim(...args), await stage.log.states.claim(...args)),
      published: (...args) => stage.log.states.published(...args),
      commit: async (commit) => (await behind.states.commit(commit), await stage.log.states.commit(commit)),
    };
    states.store = both;
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ states }));
    states.store = stage.log.states;
    await stage.append([500, 500]);
    await stage.run(pump);
    states.store = behind.states;
    await stage.append([200]);
    await stage.run(pump);
    expect(states.answers).toContain('REGRESSED');
    expect(await stage.stored(behind.states)).toMatchObject({ state: 'open', generation: 2 });
  });

  test('K2 REGRESSED: a store that fell back to an older incarnation, further on in its stage.log, gets everything again', async () => {
    const states = new Switch(stage.log.states);
    const pump = await stage.inForce({ errorAmountThreshold: 2 }, stage.pumpOn({ states }));
    const old = stage.open().states;
    const { epoch } = await old.claim(0, 'old');
    const nothing = { snapshots: [], outbox: [], ids: [] };
    await old.commit({ partition: 0, group: 'old', epoch, incarnation: 0, commitId: 'old', expected: null, next: 1_000, clockMs: 1, control: -1, ...nothing });
    states.store = old;
    await stage.append([500, 500]);
    await stage.run(pump);
    expect(await stage.stored(old)).toMatchObject({ state: 'open', generation: 2, incarnation: 1 });
    expect((await old.claim(0, 'looking')).meta?.next).toBe((await stage.log.reader.bounds(0)).next);
  });
});

/**
 * The pump on the real embedded store: restore, fold, commit, publish, in that order (K1-K3).
 */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Commit, ControlLog, StateStore, Transition, TransitionQuery } from '#engine';
import { PumpStage } from '../support/pump-stage.ts';

describe('the pump', () => {
  let stage: PumpStage;
  beforeEach(() => {
    stage = new PumpStage();
  });
  afterEach(() => stage.close());

  test('C2: a policy comes into force by a mark that the pulse appends', async () => {
    await stage.inForce({ errorAmountThreshold: 3 });
    expect(await stage.stored()).toMatchObject({ state: 'closed', generation: 1, policy: { name: 'shop' } });
  });

  test('a trip is stored, and told once', async () => {
    const pump = await stage.inForce({ errorAmountThreshold: 3 });
    await stage.append([500, 200, 500, 500, 500]);
    await stage.run(pump);
    expect(await stage.stored()).toMatchObject({ state: 'open', admit: 0, generation: 2 });
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('T5: with nobody calling, the closing is told once its time has come, by a mark of the pulse', async () => {
    const pump = await stage.inForce({ errorAmountThreshold: 1, degradedTimeWindow: '10s' });
    await stage.append([500]);
    await stage.run(pump);
    stage.nowMs += 9_999;
    await pump.pulse(stage.nowMs);
    await stage.run(pump);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
    stage.nowMs += 1;
    await pump.pulse(stage.nowMs);
    await stage.run(pump);
    expect(await stage.transitions()).toEqual(['2: closed → open', '3: open → closed']);
  });

  test('T5: a mark is not repeated within 300 ms, and is once they have passed without its being folded', async () => {
    const pump = await stage.inForce({ errorAmountThreshold: 1, degradedTimeWindow: '10s' });
    await stage.append([500]);
    await stage.run(pump);
    // The log's clock lags behind ours, so that the mark doesn't reach `until`.
    const until = stage.nowMs + 10_000;
    const end = async (): Promise<number> => (await stage.log.reader.bounds(0)).next;
    const before = await end();
    await pump.pulse(until);
    await stage.run(pump);
    await pump.pulse(until + 299);
    await stage.run(pump);
    expect(await end()).toBe(before + 1);
    await pump.pulse(until + 300);
    expect(await end()).toBe(before + 2);
  });

  test('a new owner goes on where the last one committed: nothing is counted twice, nothing lost', async () => {
    const first = await stage.inForce({ errorAmountThreshold: 1_000 });
    await stage.append([500, 500, 200]);
    await stage.run(first, 2);
    await stage.append([500, 200]);
    await stage.run(stage.pumpOn());
    expect((await stage.stored())?.window).toMatchObject({ total: 5, errors: 3 });
  });

  test('K3: what was committed and not published is published by the next owner', async () => {
    const broken = { ...stage.log.transitions, append: () => Promise.reject(new Error('no transitions log')) };
    const pump = await stage.inForce({ errorAmountThreshold: 1 }, stage.pumpOn({ transitions: broken }));
    await stage.append([500]);
    await stage.run(pump);
    expect(await stage.stored()).toMatchObject({ state: 'open' });
    expect(await stage.transitions()).toEqual([]);
    await stage.run(stage.pumpOn());
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('K3: what could not be published is published by the next pulse', async () => {
    let fails = 1;
    const flaky = { append: (...args: Parameters<typeof stage.log.transitions.append>) => (fails-- > 0 ? Promise.reject(new Error('no')) : stage.log.transitions.append(...args)) };
    const pump = await stage.inForce({ errorAmountThreshold: 1 }, stage.pumpOn({ transitions: flaky as typeof stage.log.transitions }));
    await stage.append([500]);
    await stage.run(pump);
    expect(await stage.transitions()).toEqual([]);
    await pump.pulse(stage.nowMs);
    expect(await stage.transitions()).toEqual(['2: closed → open']);
  });

  test('K3: what a long outage of the transitions left is published in parts, so that some of it stands', async () => {
    const sizes: number[] = [];
    let isOut = true;
    const { transitions } = stage.log;
    const parts = {
      list: (query: TransitionQuery) => transitions.list(query),
      follow: (listener: (transition: Transition) => void) => transitions.follow(listener),
      append: async (part: readonly Transition[]) => {
        if (isOut) throw new Error('no transitions log');
        sizes.push(part.length);
      },
    };
    const pump = await stage.inForce({ errorAmountThreshold: 1 }, stage.pumpOn({ transitions: parts }));
    const change = { kind: 'force', upstream: 'shop.local', to: 'open' } as const;
    await stage.log.control.append(Array.from({ length: 2_500 }, () => ({ author: 'test', reason: 'test', source: 'api' as const, change })));
    await pump.pulse(stage.nowMs + 1_000);
    await stage.run(pump);
    isOut = false;
    await pump.pulse(stage.nowMs);
    expect(sizes).toEqual([1_000, 1_000, 500]);
  });

  test('C2: a mark is folded with the control record it names, though a reading begun before that is on its way', async () => {
    let hold: Promise<void> | undefined;
    let isReading = false;
    const log = stage.log.control;
    const control: ControlLog = {
      append: (entries) => log.append(entries),
      onNews: (listener) => log.onNews(listener),
      read: async (from) => {
        const records = await log.read(from);
        isReading = true;
        await hold;
        return records;
      },
    };
    const pump = await stage.inForce({ errorAmountThreshold: 100 }, stage.pumpOn({ control }));
    let letGo = (): void => {};
    hold = new Promise((resolve) => (letGo = resolve));
    isReading = false;
    const pulsing = pump.pulse(stage.nowMs);
    await vi.waitFor(() => expect(isReading).toBe(true));
    // Another owner, which stands by, has read further, and marks.
    await stage.inForce({ errorAmountThreshold: 1 }, stage.pumpOn({}, 'standby'));
    const taking = pump.take(0, await stage.batchFor(pump, 100));
    letGo();
    await pulsing;
    await taking;
    expect(pump.positions()[0]?.control).toBe((await stage.log.control.read(0)).at(-1)?.offset);
  });

  test('K1: a store found empty is marked as restoring until the log’s end as then seen is reached', async () => {
    const first = await stage.inForce({ errorAmountThreshold: 2 });
    await stage.append([200, 200, 200, 200]);
    await stage.run(first);
    const states = stage.open().states;
    const pump = stage.pumpOn({ states });
    const next = await pump.assigned(0);
    await pump.take(0, await stage.log.reader.read(0, next, 3));
    expect((await states.claim(0, 'looking')).meta?.restoringTo).toBe((await stage.log.reader.bounds(0)).next);
    await stage.run(pump);
    expect((await states.claim(0, 'looking')).meta).not.toHaveProperty('restoringTo');
    expect(await stage.stored(states)).toEqual(await stage.stored());
  });

  test('V1: an emptied store is rebuilt under the same incarnation, to the same state', async () => {
    const first = await stage.inForce({ errorAmountThreshold: 2 });
    await stage.append([500, 200, 500]);
    await stage.run(first);
    const states = stage.open().states;
    await stage.run(stage.pumpOn({ states }));
    expect(await stage.stored(states)).toEqual(await stage.stored());
  });

  test('V1: another stage.log under the same store is a new incarnation', async () => {
    const first = await stage.inForce({ errorAmountThreshold: 2 });
    await stage.append([500, 500]);
    await stage.run(first);
    const { states, control } = stage.log;
    stage.log = stage.open();
    stage.nowMs += 5;
    await stage.append([200]);
    const pump = stage.pumpOn({ states, control });
    await stage.run(pump);
    expect(stage.observed).toContainEqual({ what: 'incarnated', detail: expect.objectContaining({ number: 2, reason: expect.stringContaining('another one') }) });
    await pump.pulse(stage.nowMs);
    await stage.run(pump);
    expect(await stage.stored(states)).toMatchObject({ incarnation: 2, generation: 1, state: 'closed' });
  });

  test('what can’t be read goes to the dead letters, byte for byte, and the partition moves on', async () => {
    const pump = await stage.inForce({ errorAmountThreshold: 2 });
    await stage.log.appendRaw(Buffer.from('k'), Buffer.from('{"v":2}'));
    await stage.append([500, 500]);
    await stage.run(pump);
    expect(await stage.stored()).toMatchObject({ state: 'open' });
    const letters = await stage.log.deadLetters.newest(10);
    expect(letters).toMatchObject([{ partition: 0, reason: expect.stringContaining('version') }]);
    expect(Buffer.from(letters[0]?.value ?? []).toString()).toBe('{"v":2}');
  });

  test('K5: a commit brings what changed and nothing else', async () => {
    const commits: Commit[] = [];
    const { states } = stage.log;
    const noting: StateStore = {
      claim: (...args) => states.claim(...args),
      published: (...args) => states.published(...args),
      commit: async (commit) => (commits.push(commit), await states.commit(commit)),
    };
    const pump = await stage.inForce({ errorAmountThreshold: 3 }, stage.pumpOn({ states: noting }));
    await stage.append([200]);
    await stage.run(pump);
    await stage.append([200], { upstream: 'stranger.local' });
    await stage.run(pump);
    expect(commits.slice(-2).map(({ snapshots, ids }) => [snapshots.map(({ upstream }) => upstream), ids.length])).toEqual([[['shop.local'], 1], [[], 0]]);
  });

  test('K4: a repeat is dropped across a change of owner', async () => {
    const first = await stage.inForce({ errorAmountThreshold: 100 });
    await stage.append([500], { id: 'same' });
    await stage.run(first);
    await stage.append([500], { id: 'same' });
    await stage.run(stage.pumpOn());
    expect((await stage.stored())?.window).toMatchObject({ total: 1 });
  });
});

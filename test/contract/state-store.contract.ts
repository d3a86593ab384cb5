/** StateStore: what a commit leaves behind, together or not at all (K1, K3-K5), and what a claim finds. */
import { describe, expect, test } from 'vitest';
import { afterCrash, opened, type DriverUnderTest, type Harness } from './harness.ts';
import { commit, entry, ids, snapshot, UPSTREAM } from './samples.ts';
import type { Claim, Commit } from '#engine';

/** K4: the horizon. */
const IDS_MAX = 65_536;

async function held(driver: DriverUnderTest): Promise<Claim> {
  return await driver.states.claim(0, 'looking on');
}

async function commitOk(driver: DriverUnderTest, sent: Commit): Promise<void> {
  expect(await driver.states.commit(sent)).toEqual({ kind: 'OK' });
}

export function stateStoreContract(harness: Harness): void {
  describe('a claim', () => {
    test('of an empty store finds nothing, which is said by no meta', async () => {
      const driver = await opened(harness);
      expect(await driver.states.claim(0, 'ingest')).toEqual({ epoch: 1, snapshots: [], ids: [], outbox: [] });
    });

    test('finds all that was committed', async () => {
      const driver = await opened(harness);
      const snapshots = [
        snapshot('a.test', 4, { override: { author: 'ann', reason: 'because', controlOffset: 3 } }),
        snapshot('b.test', 7),
        snapshot('c.test:8080', 9),
      ];
      const { policy: _, ...withoutPolicy } = snapshot('d.test', 5);
      const outbox = [entry(3), entry(4), entry(4, 5, { upstream: 'b.test' })];
      await commitOk(driver, commit(null, 10, { snapshots: [...snapshots, withoutPolicy], outbox, ids: ids(0, 10), control: 7, clockMs: 123 }));
      const { meta, ...claim } = await held(driver);
      expect(meta).toMatchObject({ incarnation: 1, next: 10, clockMs: 123, control: 7 });
      expect(claim.snapshots.toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1))).toEqual([...snapshots, withoutPolicy]);
      expect(claim.ids).toEqual(ids(0, 10));
      expect(claim.outbox).toEqual(outbox);
    });

    test('counts epochs for each group by itself (K1)', async () => {
      const driver = await opened(harness);
      const epochs: number[] = [];
      for (const group of ['a', 'a', 'b', 'a', 'b']) epochs.push((await driver.states.claim(0, group)).epoch);
      expect(epochs).toEqual([1, 2, 1, 3, 2]);
    });

    test('changes nothing but the epoch', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 10, { outbox: [entry(3)], ids: ids(0, 10) }));
      const before = await driver.states.claim(0, 'ingest');
      expect(await driver.states.claim(0, 'ingest')).toEqual({ ...before, epoch: before.epoch + 1 });
    });
  });

  describe('a commit', () => {
    test('changes the snapshots that it brings and leaves the others (K5)', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 5, { snapshots: [snapshot('a.test', 5), snapshot('b.test', 4)] }));
      await commitOk(driver, commit(5, 9, { snapshots: [snapshot('b.test', 8), snapshot('c.test', 9)] }));
      await commitOk(driver, commit(9, 10, { snapshots: [] }));
      const { snapshots } = await held(driver);
      expect(snapshots.toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1))).toEqual([snapshot('a.test', 5), snapshot('b.test', 8), snapshot('c.test', 9)]);
    });

    test('keeps which log and which engine it is of (V1)', async () => {
      const driver = await opened(harness);
      await driver.states.commit(commit(null, 3));
      expect((await held(driver)).meta).not.toHaveProperty('log');
      await driver.states.commit(commit(3, 5, { log: 'ab12', engine: 4 }));
      expect((await held(driver)).meta).toMatchObject({ next: 5, log: 'ab12', engine: 4 });
    });

    test('gives meta a sequence that grows with each write, rewrites included (V3)', async () => {
      const driver = await opened(harness);
      const sequences: (number | undefined)[] = [];
      for (const sent of [commit(null, 5), commit(5, 5, { commitId: 'again' }), commit(5, 5, { rewrite: true, commitId: 'all' }), commit(5, 6)]) {
        await commitOk(driver, sent);
        sequences.push((await held(driver)).meta?.sequence);
      }
      expect(sequences).toEqual([...new Set(sequences)].toSorted((a, b) => (a ?? 0) - (b ?? 0)));
    });

    test('that writes all again leaves nothing of the snapshots and ids that were there', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 5, { snapshots: [snapshot('a.test', 5), snapshot('b.test', 4)], ids: ids(0, 5) }));
      await commitOk(driver, commit(5, 9, { rewrite: true, snapshots: [snapshot('b.test', 8)], ids: ids(7, 9) }));
      const claim = await held(driver);
      expect(claim.snapshots).toEqual([snapshot('b.test', 8)]);
      expect(claim.ids).toEqual(ids(7, 9));
    });

    test('of a new incarnation leaves nothing of the old one but what is to be published', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 50, { snapshots: [snapshot('a.test', 50), snapshot('b.test', 4)], ids: ids(0, 50), outbox: [entry(2)] }));
      const fresh = snapshot('b.test', 2, { incarnation: 2 });
      const outbox = [entry(2, 2, { incarnation: 2 })];
      await commitOk(driver, commit(50, 3, { incarnation: 2, rewrite: true, snapshots: [fresh], ids: ids(0, 3), outbox, clockMs: 7, control: 0 }));
      const { meta, ...claim } = await held(driver);
      expect(meta).toMatchObject({ incarnation: 2, next: 3, clockMs: 7, control: 0 });
      expect(claim).toMatchObject({ snapshots: [fresh], ids: ids(0, 3), outbox: [entry(2), ...outbox] });
    });
  });

  restoringContract(harness);
  repeatsContract(harness);
  outboxContract(harness);
  togetherContract(harness);
}

function restoringContract(harness: Harness): void {
  describe('a store that was found empty (K1)', () => {
    test('is restoring until next reaches the log\'s end as then seen, and never again', async () => {
      const driver = await opened(harness);
      const seen: (number | undefined)[] = [];
      for (const sent of [commit(null, 4, { restoringTo: 10 }), commit(4, 9), commit(9, 10), commit(10, 11)]) {
        await commitOk(driver, sent);
        seen.push((await held(driver)).meta?.restoringTo);
      }
      expect(seen).toEqual([10, 10, undefined, undefined]);
    });

    test('is not restoring once a commit passes that end, at the first one even', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 12, { restoringTo: 10 }));
      expect((await held(driver)).meta).not.toHaveProperty('restoringTo');
    });

    test('is still restoring after all was written again short of that end', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 4, { restoringTo: 10 }));
      await commitOk(driver, commit(4, 6, { rewrite: true }));
      expect((await held(driver)).meta?.restoringTo).toBe(10);
    });

    test('forgets that end with the incarnation whose log it was', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 4, { restoringTo: 10 }));
      await commitOk(driver, commit(4, 2, { incarnation: 2, rewrite: true }));
      expect((await held(driver)).meta).not.toHaveProperty('restoringTo');
    });
  });
}

function repeatsContract(harness: Harness): void {
  describe('ids (K4)', () => {
    test('are kept in offset order, over commits, 64 bits each', async () => {
      const driver = await opened(harness);
      const extremes = [{ offset: 9, hash: 0n }, { offset: 10, hash: 2n ** 64n - 1n }, { offset: 11, hash: 2n ** 63n }];
      await commitOk(driver, commit(null, 9, { ids: ids(0, 9) }));
      await commitOk(driver, commit(9, 12, { ids: extremes }));
      expect((await held(driver)).ids).toEqual([...ids(0, 9), ...extremes]);
    });

    test('are kept up to the horizon of 65,536, the newest of them, whether they came one by one or as a whole', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, IDS_MAX - 2, { ids: ids(0, IDS_MAX - 2) }));
      await commitOk(driver, commit(IDS_MAX - 2, IDS_MAX, { ids: ids(IDS_MAX - 2, IDS_MAX) }));
      expect((await held(driver)).ids).toHaveLength(IDS_MAX);
      await commitOk(driver, commit(IDS_MAX, IDS_MAX + 3, { ids: ids(IDS_MAX, IDS_MAX + 3) }));
      const kept = (await held(driver)).ids;
      expect([kept.length, kept[0], kept.at(-1)]).toEqual([IDS_MAX, ids(3, 4)[0], ids(IDS_MAX + 2, IDS_MAX + 3)[0]]);

      const at = IDS_MAX + 3;
      await commitOk(driver, commit(at, at + 1, { rewrite: true, ids: ids(0, at + 1) }));
      const whole = (await held(driver)).ids;
      expect([whole.length, whole[0], whole.at(-1)]).toEqual([IDS_MAX, ids(4, 5)[0], ids(at, at + 1)[0]]);
    });

    const { crash } = harness;
    if (crash === undefined) return;
    test('are still known after a crash, and the horizon is still kept', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, IDS_MAX, { ids: ids(0, IDS_MAX) }));
      const next = await afterCrash({ crash }, driver);
      await commitOk(next, commit(IDS_MAX, IDS_MAX + 1, { ids: ids(IDS_MAX, IDS_MAX + 1) }));
      const kept = (await held(next)).ids;
      expect([kept.length, kept[0], kept.at(-1)]).toEqual([IDS_MAX, ids(1, 2)[0], ids(IDS_MAX, IDS_MAX + 1)[0]]);
    });
  });
}

function outboxContract(harness: Harness): void {
  describe('the outbox (K3)', () => {
    test('keeps entries over commits, in the order in which they were made, until they are published', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 5, { outbox: [entry(3), entry(4)] }));
      await commitOk(driver, commit(5, 9, { outbox: [entry(7), entry(8)] }));
      expect((await held(driver)).outbox).toEqual([entry(3), entry(4), entry(7), entry(8)]);
      await driver.states.published(0, [entry(4), entry(3)]);
      expect((await held(driver)).outbox).toEqual([entry(7), entry(8)]);
    });

    test('takes an entry once, however often it comes (a rewrite brings all that is not known to be published)', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 5, { outbox: [entry(3), entry(4)] }));
      await commitOk(driver, commit(5, 9, { rewrite: true, outbox: [entry(3), entry(4), entry(7)] }));
      expect((await held(driver)).outbox).toEqual([entry(3), entry(4), entry(7)]);
    });

    test('tells entries of one record apart by upstream and generation', async () => {
      const driver = await opened(harness);
      const made = [entry(3, 2), entry(3, 3), entry(3, 2, { upstream: 'b.test' })];
      await commitOk(driver, commit(null, 5, { outbox: made }));
      expect((await held(driver)).outbox).toEqual(made);
      await driver.states.published(0, [made[1]!]);
      expect((await held(driver)).outbox).toEqual([made[0], made[2]]);
      await driver.states.published(0, [made[0]!]);
      expect((await held(driver)).outbox).toEqual([made[2]]);
    });

    test('may be told twice what is published, and of what it never had', async () => {
      const driver = await opened(harness);
      await driver.states.published(0, [entry(1)]);
      await commitOk(driver, commit(null, 5, { outbox: [entry(3), entry(4)] }));
      for (let time = 0; time < 2; time++) await driver.states.published(0, [entry(3), entry(99)]);
      await driver.states.published(0, []);
      expect((await held(driver)).outbox).toEqual([entry(4)]);
    });

    const { crash } = harness;
    if (crash === undefined) return;
    test('is given to the next owner after a crash between commit and publish, and is empty once that one has published', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 5, { outbox: [entry(3), entry(4)] }));
      const next = await afterCrash({ crash }, driver);
      const { outbox } = await next.states.claim(0, 'ingest');
      expect(outbox).toEqual([entry(3), entry(4)]);
      await next.states.published(0, outbox);
      const last = await afterCrash({ crash }, next);
      expect((await held(last)).outbox).toEqual([]);
    });
  });
}

function togetherContract(harness: Harness): void {
  const { crash, breakCommits } = harness;
  const whole = commit(3, 9, { snapshots: [snapshot(UPSTREAM, 8), snapshot('b.test', 9)], outbox: [entry(8)], ids: ids(3, 9) });
  describe('a commit that is not OK', () => {
    test('leaves nothing where it was refused', async () => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 5));
      const { epoch: _, ...before } = await held(driver);
      expect((await driver.states.commit(whole)).kind).toBe('AHEAD');
      const { epoch: __, ...after } = await held(driver);
      expect(after).toEqual(before);
    });

    if (breakCommits === undefined) return;
    test.each([false, true])('leaves nothing where it failed half-way, and can be sent again (rewrite: %s)', async (rewrite) => {
      const driver = await opened(harness);
      await commitOk(driver, commit(null, 3, { ids: ids(0, 3), outbox: [entry(2)], snapshots: [snapshot('a.test', 2), snapshot('c.test', 1)] }));
      const { epoch: _, ...before } = await held(driver);
      const repair = await breakCommits(driver);
      await expect(driver.states.commit({ ...whole, rewrite })).rejects.toBeInstanceOf(Error);
      await repair();
      const { epoch: __, ...after } = await held(driver);
      expect(after).toEqual(before);
      expect(await driver.states.commit({ ...whole, rewrite })).toEqual({ kind: 'OK' });
    });
  });

  if (crash === undefined) return;
  describe('a commit that was OK', () => {
    test('outlives a crash as a whole, and is ALREADY there when it is sent again', async () => {
      const driver = await opened(harness);
      const { epoch } = await driver.states.claim(0, 'ingest');
      await commitOk(driver, commit(null, 3, { epoch, ids: ids(0, 3) }));
      await commitOk(driver, { ...whole, epoch });
      const before = await held(driver);
      const next = await afterCrash({ crash }, driver);
      expect(await held(next)).toEqual({ ...before, epoch: before.epoch + 1 });
      expect(await next.states.commit({ ...whole, epoch })).toEqual({ kind: 'ALREADY' });
      expect((await next.states.claim(0, 'ingest')).epoch).toBe(epoch + 1);
    });
  });
}

/** StateStore.commit: the five answers of K2, in each order that can occur, and that only OK changes anything. */
import { describe, expect, test } from 'vitest';
import type { Claim, Commit, CommitAnswer } from '#engine';
import { opened, type DriverUnderTest, type Harness } from './harness.ts';
import { commit, entry, ids, snapshot, UPSTREAM } from './samples.ts';

/** What was committed last in the cases below: incarnation 2, next 10, by epoch 2 of two. */
const LAST = commit(null, 10, {
  epoch: 2,
  incarnation: 2,
  commitId: 'last',
  snapshots: [snapshot(UPSTREAM, 10, { incarnation: 2 }), snapshot('b.test', 7, { incarnation: 2 })],
  outbox: [entry(7, 7, { incarnation: 2 })],
  ids: ids(0, 10),
  engine: 3,
});

/** A commit of the present owner that would be OK. */
const NEXT: Commit = commit(10, 12, { epoch: 2, incarnation: 2, ids: ids(10, 12), outbox: [entry(11, 12, { incarnation: 2 })], engine: 3 });

interface Case {
  readonly title: string;
  readonly commit: Commit;
  readonly answer: CommitAnswer;
}

const ON_A_STORE_AT_10: Case[] = [
  { title: 'OK: it expects what is there', commit: NEXT, answer: { kind: 'OK' } },
  { title: 'OK: another group, whose epochs are its own', commit: { ...NEXT, group: 'standby', epoch: 1 }, answer: { kind: 'OK' } },
  { title: 'OK: all is written again at the store\'s next (REGRESSED before)', commit: { ...NEXT, rewrite: true }, answer: { kind: 'OK' } },
  { title: 'OK: a higher incarnation that brings all', commit: { ...NEXT, incarnation: 3, rewrite: true }, answer: { kind: 'OK' } },
  { title: 'OK: a higher incarnation that brings all begins where it likes', commit: { ...commit(null, 4, { epoch: 2, incarnation: 3 }), rewrite: true }, answer: { kind: 'OK' } },
  { title: 'OK: a higher incarnation that brings all, and believes the store further', commit: { ...NEXT, expected: 40, next: 42, incarnation: 3, rewrite: true }, answer: { kind: 'OK' } },
  { title: 'ALREADY: the last commit, its reply was lost', commit: LAST, answer: { kind: 'ALREADY' } },
  { title: 'ALREADY, not FENCED: the last commit, though a newer owner has claimed', commit: { ...LAST, epoch: 1 }, answer: { kind: 'ALREADY' } },
  { title: 'FENCED: an older owner of the same group', commit: { ...NEXT, epoch: 1 }, answer: { kind: 'FENCED' } },
  { title: 'FENCED, not AHEAD: an older owner that is behind', commit: { ...commit(5, 8, { incarnation: 2 }), epoch: 1 }, answer: { kind: 'FENCED' } },
  { title: 'FENCED, not REGRESSED: an older owner that is in front', commit: { ...commit(15, 18, { incarnation: 2 }), epoch: 1 }, answer: { kind: 'FENCED' } },
  { title: 'FENCED: an older owner, whatever it writes again', commit: { ...NEXT, epoch: 1, incarnation: 3, rewrite: true }, answer: { kind: 'FENCED' } },
  { title: 'FENCED: a lower incarnation', commit: { ...NEXT, incarnation: 1 }, answer: { kind: 'FENCED' } },
  { title: 'FENCED: a lower incarnation that writes all again', commit: { ...NEXT, incarnation: 1, rewrite: true }, answer: { kind: 'FENCED' } },
  { title: 'FENCED, not AHEAD: a lower incarnation that believes the store empty', commit: { ...NEXT, incarnation: 1, expected: null }, answer: { kind: 'FENCED' } },
  { title: 'OK: a newer engine', commit: { ...NEXT, engine: 4 }, answer: { kind: 'OK' } },
  { title: 'OK: an older engine in a higher incarnation, which begins with the oldest', commit: { ...NEXT, engine: 1, incarnation: 3, rewrite: true }, answer: { kind: 'OK' } },
  { title: 'FENCED: an older engine', commit: { ...NEXT, engine: 2 }, answer: { kind: 'FENCED' } },
  { title: 'FENCED: an engine that says no version, which is the first', commit: commit(10, 12, { epoch: 2, incarnation: 2 }), answer: { kind: 'FENCED' } },
  { title: 'AHEAD, not FENCED: an older engine that is behind', commit: { ...commit(8, 12, { epoch: 2, incarnation: 2 }) }, answer: { kind: 'AHEAD', next: 10 } },
  { title: 'FENCED, whatever it writes again: an older engine', commit: { ...NEXT, engine: 2, rewrite: true }, answer: { kind: 'FENCED' } },
  { title: 'AHEAD: somebody folded further', commit: commit(8, 9, { epoch: 2, incarnation: 2, engine: 3 }), answer: { kind: 'AHEAD', next: 10 } },
  { title: 'AHEAD: it would pass the store\'s next, but from behind it', commit: commit(8, 12, { epoch: 2, incarnation: 2, engine: 3 }), answer: { kind: 'AHEAD', next: 10 } },
  { title: 'AHEAD: it would end exactly where the store is, by another commit', commit: commit(8, 10, { epoch: 2, incarnation: 2, engine: 3 }), answer: { kind: 'AHEAD', next: 10 } },
  { title: 'AHEAD: it believes the store empty', commit: commit(null, 12, { epoch: 2, incarnation: 2, engine: 3 }), answer: { kind: 'AHEAD', next: 10 } },
  { title: 'AHEAD: it writes all again, but from behind', commit: commit(8, 12, { epoch: 2, incarnation: 2, engine: 3, rewrite: true }), answer: { kind: 'AHEAD', next: 10 } },
  { title: 'AHEAD: it writes all again, and believes the store empty', commit: commit(null, 12, { epoch: 2, incarnation: 2, engine: 3, rewrite: true }), answer: { kind: 'AHEAD', next: 10 } },
  { title: 'REGRESSED: the store fell back', commit: commit(15, 18, { epoch: 2, incarnation: 2, engine: 3 }), answer: { kind: 'REGRESSED', next: 10 } },
  { title: 'REGRESSED: it writes all again, but believes the store further', commit: commit(15, 18, { epoch: 2, incarnation: 2, engine: 3, rewrite: true }), answer: { kind: 'REGRESSED', next: 10 } },
  { title: 'REGRESSED: a higher incarnation that does not bring all', commit: { ...NEXT, incarnation: 3 }, answer: { kind: 'REGRESSED', next: 10 } },
  { title: 'REGRESSED: a higher incarnation that does not bring all, and believes the store empty', commit: commit(null, 4, { epoch: 2, incarnation: 3, engine: 3 }), answer: { kind: 'REGRESSED', next: 10 } },
];

const ON_AN_EMPTY_STORE: Case[] = [
  { title: 'OK: it expects nothing', commit: commit(null, 12, { epoch: 2 }), answer: { kind: 'OK' } },
  { title: 'OK: it expects nothing and brings all', commit: commit(null, 12, { epoch: 2, rewrite: true }), answer: { kind: 'OK' } },
  { title: 'OK: any incarnation', commit: commit(null, 12, { epoch: 2, incarnation: 7 }), answer: { kind: 'OK' } },
  { title: 'OK: a group that never claimed', commit: commit(null, 12, { epoch: 1, group: 'standby' }), answer: { kind: 'OK' } },
  { title: 'REGRESSED without next: the store has lost what it had', commit: commit(10, 12, { epoch: 2 }), answer: { kind: 'REGRESSED' } },
  { title: 'REGRESSED without next: it believes the store at offset 0', commit: commit(0, 2, { epoch: 2 }), answer: { kind: 'REGRESSED' } },
  { title: 'REGRESSED without next: it brings all, but has not heard that the store is empty', commit: commit(10, 12, { epoch: 2, rewrite: true }), answer: { kind: 'REGRESSED' } },
  { title: 'FENCED: an older owner of the same group', commit: commit(null, 12, { epoch: 1 }), answer: { kind: 'FENCED' } },
  { title: 'FENCED: an older owner whose state was lost', commit: commit(10, 12, { epoch: 1 }), answer: { kind: 'FENCED' } },
];

/** As anybody finds it, without the epoch of the one who looks. */
async function held(driver: DriverUnderTest): Promise<Omit<Claim, 'epoch'>> {
  const { epoch: _, ...rest } = await driver.states.claim(0, 'looking on');
  return rest;
}

/** Epochs 1 and 2 of group `ingest` are claimed. */
async function openedWithEpochs(harness: Harness): Promise<DriverUnderTest> {
  const driver = await opened(harness);
  expect([(await driver.states.claim(0, 'ingest')).epoch, (await driver.states.claim(0, 'ingest')).epoch]).toEqual([1, 2]);
  return driver;
}

const taken = ({ answer }: Case): boolean => answer.kind === 'OK';
const refused = ({ answer }: Case): boolean => answer.kind !== 'OK';

export function commitAnswersContract(harness: Harness): void {
  const stores = [
    { store: 'a store at 10', already: [LAST], rows: ON_A_STORE_AT_10 },
    { store: 'an empty store', already: [], rows: ON_AN_EMPTY_STORE },
  ];
  describe.each(stores)('a commit to $store is answered (K2)', ({ already, rows }) => {
    test.each(rows.filter(taken))('$title', async ({ commit: sent }) => {
      const driver = await openedWithEpochs(harness);
      for (const earlier of already) expect(await driver.states.commit(earlier)).toEqual({ kind: 'OK' });
      expect(await driver.states.commit(sent)).toStrictEqual({ kind: 'OK' });
      const after = await held(driver);
      expect(after.meta).toMatchObject({ incarnation: sent.incarnation, next: sent.next });
      expect(await driver.states.commit(sent)).toStrictEqual({ kind: 'ALREADY' });
      expect(await held(driver)).toEqual(after);
    });

    test.each(rows.filter(refused))('$title; and nothing changes', async ({ commit: sent, answer }) => {
      const driver = await openedWithEpochs(harness);
      for (const earlier of already) expect(await driver.states.commit(earlier)).toEqual({ kind: 'OK' });
      const before = await held(driver);
      expect(await driver.states.commit(sent)).toStrictEqual(answer);
      expect(await held(driver)).toEqual(before);
    });
  });

  describe('commits one after the other (K2)', () => {
    test('each from where the last one ended are OK', async () => {
      const driver = await opened(harness);
      const answers: string[] = [];
      for (const [expected, next] of [[null, 3], [3, 4], [4, 9]] as const) answers.push((await driver.states.commit(commit(expected, next))).kind);
      expect(answers).toEqual(['OK', 'OK', 'OK']);
    });

    test('ALREADY is said of the last one only: an earlier one, sent again, is AHEAD', async () => {
      const driver = await opened(harness);
      await driver.states.commit(commit(null, 3));
      await driver.states.commit(commit(3, 5));
      expect(await driver.states.commit(commit(null, 3))).toStrictEqual({ kind: 'AHEAD', next: 5 });
      expect(await driver.states.commit(commit(3, 5))).toStrictEqual({ kind: 'ALREADY' });
    });

    test('of two owners that commit from one place, one is OK and the other AHEAD, with where the store is now', async () => {
      const driver = await opened(harness);
      await driver.states.commit(commit(null, 3));
      const answers = await Promise.all([
        driver.states.commit(commit(3, 5, { commitId: 'a', group: 'active' })),
        driver.states.commit(commit(3, 7, { commitId: 'b', group: 'standby' })),
      ]);
      expect(answers.map(({ kind }) => kind).toSorted()).toEqual(['AHEAD', 'OK']);
      const { meta } = await held(driver);
      expect(answers.find(({ kind }) => kind === 'AHEAD')).toEqual({ kind: 'AHEAD', next: meta?.next });
    });

    test('an owner is fenced from the moment that another of its group claims', async () => {
      const driver = await opened(harness);
      const zombie = (await driver.states.claim(0, 'ingest')).epoch;
      await driver.states.commit(commit(null, 3, { epoch: zombie }));
      const owner = (await driver.states.claim(0, 'ingest')).epoch;
      expect(owner).toBeGreaterThan(zombie);
      expect(await driver.states.commit(commit(3, 5, { epoch: zombie }))).toStrictEqual({ kind: 'FENCED' });
      expect(await driver.states.commit(commit(3, 5, { epoch: owner }))).toStrictEqual({ kind: 'OK' });
    });

    test('REGRESSED, then all written again from the store\'s next: OK', async () => {
      const driver = await opened(harness);
      await driver.states.commit(commit(null, 3));
      expect(await driver.states.commit(commit(8, 9))).toStrictEqual({ kind: 'REGRESSED', next: 3 });
      expect(await driver.states.commit(commit(3, 9, { rewrite: true }))).toStrictEqual({ kind: 'OK' });
    });

    test('REGRESSED without next, then all written again to the empty store: OK', async () => {
      const driver = await opened(harness);
      expect(await driver.states.commit(commit(8, 9))).toStrictEqual({ kind: 'REGRESSED' });
      expect(await driver.states.commit(commit(null, 9, { rewrite: true }))).toStrictEqual({ kind: 'OK' });
    });
  });
}

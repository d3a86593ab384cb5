/** StateFeed: a watcher misses no newer version, never sees an older one, and nothing that is not committed (V1, V3, K3). */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { canTrip, isNewer, textAt, type PartitionMeta, type QuietStates, type Snapshot, type StateUpdate } from '#engine';
import { opened, turns, type DriverUnderTest, type Harness } from './harness.ts';
import { commit, snapshot } from './samples.ts';

/** Keeps everything it is told, and what it would believe of partition 0. */
class Watcher {
  readonly updates: StateUpdate[] = [];
  readonly known = new Map<string, Snapshot>();
  /** Versions that came after a newer one of the same upstream, and metas after a newer one. */
  readonly older: (Snapshot | PartitionMeta)[] = [];
  meta: PartitionMeta | undefined;

  readonly hear = (update: StateUpdate): void => {
    if (update.partition !== 0) return;
    this.updates.push(update);
    if (this.meta !== undefined && update.meta !== undefined && isNewer(this.meta, update.meta)) this.older.push(update.meta);
    this.meta = update.meta;
    for (const each of update.snapshots) {
      const before = this.known.get(each.upstream);
      if (before !== undefined && isNewer(before, each)) this.older.push(each);
      this.known.set(each.upstream, each);
    }
  };

  versions(upstream: string): number[] {
    const seen = this.updates.flatMap(({ snapshots }) => snapshots.filter((each) => each.upstream === upstream).map(({ next }) => next));
    return [...new Set(seen)];
  }
}

async function follow(driver: DriverUnderTest, watcher = new Watcher()): Promise<Watcher> {
  onTestFinished(await driver.stateFeed.follow(watcher.hear));
  return watcher;
}

/** What whoever decides goes by. */
const rowOf = (each: Snapshot) => ({ upstream: each.upstream, incarnation: each.incarnation, generation: each.generation, next: each.next, canTrip: canTrip(each) });

function rowsOf({ size, upstreams, incarnations, generations, nexts, canTrip: canTrips }: QuietStates): ReturnType<typeof rowOf>[] {
  return Array.from({ length: size }, (_, n) => ({
    upstream: textAt(upstreams, n), incarnation: incarnations[n] as number, generation: generations[n] as number, next: nexts[n] as number, canTrip: canTrips[n] === 1,
  }));
}

/** Of what was committed the meta may be told behind the states, for whoever reads all reads it before them (V3). */
const eventually = (claim: () => void): Promise<void> => vi.waitFor(claim, 10_000);

export function stateFeedContract(harness: Harness): void {
  describe('a watcher of states', () => {
    test('hears of every partition before `follow` settles; of an empty store that nothing is known (V4)', async () => {
      const driver = await opened(harness);
      const updates: StateUpdate[] = [];
      onTestFinished(await driver.stateFeed.follow((update) => updates.push(update)));
      expect(updates.map(({ partition }) => partition).toSorted((a, b) => a - b)).toEqual(Array.from({ length: driver.partitions }, (_, index) => index));
      expect(updates.every((update) => !('meta' in update) && update.snapshots.length === 0)).toBe(true);
    });

    test('is given all that is committed at first, with its meta', async () => {
      const driver = await opened(harness);
      const snapshots = [snapshot('a.test', 3), snapshot('b.test', 5), snapshot('c.test', 4)];
      await driver.states.commit(commit(null, 4, { snapshots: snapshots.slice(0, 1), restoringTo: 9 }));
      await driver.states.commit(commit(4, 6, { snapshots: snapshots.slice(1) }));
      const first = await follow(driver);
      // Once it has reached the feed, whoever comes has it all before `follow` settles.
      await eventually(() => expect(first.meta?.next).toBe(6));
      const watcher = await follow(driver);
      expect([...watcher.known.values()].toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1))).toEqual(snapshots);
      expect(watcher.meta).toEqual((await driver.states.claim(0, 'looking on')).meta);
      expect(watcher.meta?.restoringTo).toBe(9);
    });

    test('who asks for quiet states apart is told the same, as snapshots or as columns that say the same; who then comes and does not ask has all as snapshots', async () => {
      const driver = await opened(harness);
      const open: Snapshot = { ...snapshot('b.test', 5), state: 'open', admit: 0, untilMs: 9_000_000_000_000 };
      const all = [snapshot('a.test', 3), open, snapshot('c.test', 4)];
      await driver.states.commit(commit(null, 6, { snapshots: all }));
      const whole = await follow(driver);
      await eventually(() => expect(whole.meta?.next).toBe(6));
      const rows: ReturnType<typeof rowOf>[] = [];
      // Columns hold until the next ones are told.
      const hear = ({ snapshots, quiet }: StateUpdate): void => void rows.push(...snapshots.map(rowOf), ...(quiet === undefined ? [] : rowsOf(quiet)));
      onTestFinished(await driver.stateFeed.follow(hear, { quietApart: true }));
      const byName = (watcher: Watcher): Snapshot[] => [...watcher.known.values()].toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1));
      expect(rows.slice(0, all.length).toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1))).toEqual(all.map(rowOf));
      expect(byName(await follow(driver))).toEqual(all);
    });

    test('is given each commit\'s changes and its meta, and is told of no upstream that did not change', async () => {
      const driver = await opened(harness);
      await driver.states.commit(commit(null, 4, { snapshots: [snapshot('a.test', 3), snapshot('b.test', 4)] }));
      const watcher = await follow(driver);
      await eventually(() => expect(watcher.meta?.next).toBe(4));
      const before = watcher.updates.length;
      await driver.states.commit(commit(4, 7, { snapshots: [snapshot('a.test', 6)] }));
      await eventually(() => expect(watcher.known.get('a.test')).toEqual(snapshot('a.test', 6)));
      expect(watcher.updates.slice(before).flatMap(({ snapshots }) => snapshots)).toEqual([snapshot('a.test', 6)]);
      await eventually(() => expect(watcher.meta).toMatchObject({ incarnation: 1, next: 7 }));
    });

    test('sees the newest version of each upstream after any number of commits, and never an older one', async () => {
      const driver = await opened(harness);
      const watcher = await follow(driver);
      for (let next = 1; next <= 100; next++) {
        await driver.states.commit(commit(next === 1 ? null : next - 1, next, { snapshots: [snapshot(`u${next % 3}.test`, next)] }));
        if (next % 10 === 0) await turns();
      }
      await eventually(() => expect(watcher.meta?.next).toBe(100));
      expect(Object.fromEntries([...watcher.known].map(([upstream, { next }]) => [upstream, next]))).toEqual({ 'u0.test': 99, 'u1.test': 100, 'u2.test': 98 });
      expect(watcher.older).toEqual([]);
    });

    test('misses nothing that is committed while it begins to follow, and hears of nothing older, whichever comes first', async () => {
      const driver = await opened(harness);
      const watchers: Watcher[] = [];
      for (let round = 0; round < 40; round++) {
        const { meta } = await driver.states.claim(0, 'looking on');
        let next = meta?.next ?? 0;
        const commitOne = (): Promise<unknown> => {
          const expected = next === 0 ? null : next;
          next++;
          return driver.states.commit(commit(expected, next, { snapshots: [snapshot(`u${next % 2}.test`, next)], commitId: `${round} ${next}` }));
        };
        const watcher = new Watcher();
        watchers.push(watcher);
        const starts = [commitOne, commitOne, () => follow(driver, watcher), commitOne].slice(round % 3);
        const running: Promise<unknown>[] = [];
        for (const start of starts) {
          running.push(start());
          for (let hop = 0; hop < round % 5; hop++) await Promise.resolve();
        }
        await Promise.all(running);
      }
      const { meta, snapshots } = await driver.states.claim(0, 'looking on');
      expect(meta?.next).toBeGreaterThanOrEqual(40);
      for (const watcher of watchers) {
        await eventually(() => expect(watcher.meta).toEqual(meta));
        expect([...watcher.known.values()].toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1))).toEqual(snapshots);
        expect(watcher.older).toEqual([]);
      }
    });

    test('is given all again when all was written again, a new incarnation being newer than anything before (V1)', async () => {
      const driver = await opened(harness);
      await driver.states.commit(commit(null, 90, { snapshots: [snapshot('a.test', 90), snapshot('b.test', 80)] }));
      const watcher = await follow(driver);
      const fresh = [snapshot('a.test', 2, { incarnation: 2 }), snapshot('b.test', 1, { incarnation: 2 })];
      await driver.states.commit(commit(null, 3, { incarnation: 2, rewrite: true, snapshots: fresh }));
      await eventually(() => expect([...watcher.known.values()].toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1))).toEqual(fresh));
      await eventually(() => expect(watcher.meta?.incarnation).toBe(2));
      expect(watcher.older).toEqual([]);
    });

    test('keeps hearing that it is still so though nothing is committed, with meta', async () => {
      const driver = await opened(harness);
      const watcher = await follow(driver);
      const empty = watcher.updates.length;
      await eventually(() => expect(watcher.updates.length).toBeGreaterThan(empty + 1));
      await driver.states.commit(commit(null, 4));
      await eventually(() => expect(watcher.meta?.next).toBe(4));
      const { length } = watcher.updates;
      await eventually(() => expect(watcher.updates.length).toBeGreaterThan(length + 1));
      expect(watcher.updates.at(-1)).toMatchObject({ partition: 0, meta: { next: 4 } });
    });

    test('hears nothing any more once it has stopped, while others do; stopping twice is fine', async () => {
      const driver = await opened(harness);
      const [stopped, other] = [new Watcher(), await follow(driver)];
      const stop = await driver.stateFeed.follow(stopped.hear);
      await stop();
      await stop();
      const { length } = stopped.updates;
      await driver.states.commit(commit(null, 4));
      await eventually(() => expect(other.meta?.next).toBe(4));
      const heard = other.updates.length;
      await eventually(() => expect(other.updates.length).toBeGreaterThan(heard + 1));
      expect(stopped.updates).toHaveLength(length);
    });

    test('that throws harms neither the commit nor other watchers', async () => {
      const driver = await opened(harness);
      let told = 0;
      onTestFinished(
        await driver.stateFeed.follow(() => {
          if (told++ >= driver.partitions) throw new Error('a watcher of the test');
        }),
      );
      const other = await follow(driver);
      expect(await driver.states.commit(commit(null, 4))).toEqual({ kind: 'OK' });
      await eventually(() => expect(other.meta?.next).toBe(4));
    });
  });

  describe('nothing is visible to a watcher (K3)', () => {
    test('of commits that were refused, whatever the answer', async () => {
      const driver = await opened(harness);
      const stale = (await driver.states.claim(0, 'ingest')).epoch;
      const { epoch } = await driver.states.claim(0, 'ingest');
      await driver.states.commit(commit(null, 4, { epoch, snapshots: [snapshot('a.test', 4)] }));
      const watcher = await follow(driver);
      const refused = { epoch, snapshots: [snapshot('a.test', 99), snapshot('x.test', 99)] };
      const answers = [
        await driver.states.commit(commit(2, 99, refused)),
        await driver.states.commit(commit(50, 99, refused)),
        await driver.states.commit(commit(4, 99, { ...refused, epoch: stale })),
        await driver.states.commit(commit(null, 99, refused)),
        await driver.states.commit(commit(4, 99, { ...refused, incarnation: 2 })),
        await driver.states.commit(commit(4, 99, { ...refused, commitId: '1:null-4' })),
      ];
      expect(answers.map(({ kind }) => kind)).toEqual(['AHEAD', 'REGRESSED', 'FENCED', 'AHEAD', 'REGRESSED', 'ALREADY']);
      await driver.states.commit(commit(4, 5, { epoch, snapshots: [snapshot('b.test', 5)] }));
      await eventually(() => expect(watcher.known.get('b.test')?.next).toBe(5));
      expect([watcher.versions('a.test'), watcher.versions('x.test'), watcher.meta?.next]).toEqual([[4], [], 5]);
    });

    const { breakCommits } = harness;
    if (breakCommits === undefined) return;
    test('of a commit that failed half-way, neither to one who watched nor to one who begins after', async () => {
      const driver = await opened(harness);
      await driver.states.commit(commit(null, 4, { snapshots: [snapshot('a.test', 4)] }));
      const watcher = await follow(driver);
      const repair = await breakCommits(driver);
      await expect(driver.states.commit(commit(4, 9, { snapshots: [snapshot('a.test', 9)] }))).rejects.toBeInstanceOf(Error);
      const late = await follow(driver);
      await repair();
      await driver.states.commit(commit(4, 5, { snapshots: [snapshot('b.test', 5)] }));
      for (const each of [watcher, late]) {
        await eventually(() => expect(each.known.get('b.test')?.next).toBe(5));
        expect(each.versions('a.test')).toEqual([4]);
      }
    });
  });
}

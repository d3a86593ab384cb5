/** What is particular to the embedded driver: one file, one process, stated retention. The rest is in test/contract. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { DataDirectoryError, openEmbedded, type Embedded, type EmbeddedOptions } from '#drivers';
import type { PartitionHandler } from '#engine';
import { commit, draft, entry, ids, outcome, outcomes, snapshot, transition } from '../contract/samples.ts';

const WRITER = new URL('./fixtures/embedded-writer.ts', import.meta.url).pathname;
const WHAT_ELSE = /--data DIR or FUSEBOARD_DATA_DIR/;
const DAY_MS = 86_400_000;

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'fuseboard-embedded-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function open(options: EmbeddedOptions): Embedded {
  const embedded = openEmbedded(options);
  onTestFinished(() => embedded.close());
  return embedded;
}

function refusal(dataDir: string): DataDirectoryError {
  try {
    open({ dataDir });
  } catch (error) {
    if (error instanceof DataDirectoryError) return error;
    throw error;
  }
  throw new Error(`${dataDir} was opened`);
}

/** A process that writes to the directory; `acknowledged` is the last commit that it said was OK. */
function startWriter(dataDir: string): { child: ChildProcess; acknowledged: () => number } {
  const child = spawn(process.execPath, ['--conditions=source', WRITER, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-10_000)));
  const acknowledged = (): number => Number(/OK (\d+)\n[^\n]*$/.exec(output)?.[1] ?? -1);
  return { child, acknowledged };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'close');
}

describe('after kill -9', () => {
  test('all that was acknowledged is there, and every commit is there as a whole or not at all', async () => {
    const dataDir = newDirectory();
    let last = -1;
    for (let round = 0; round < 3; round++) {
      const { child, acknowledged } = startWriter(dataDir);
      const wanted = last + 100 + round * 37;
      await vi.waitFor(() => expect(acknowledged()).toBeGreaterThan(wanted), { timeout: 20_000, interval: 1 });
      await kill(child);

      const embedded = openEmbedded({ dataDir });
      const { meta, snapshots, ...claim } = await embedded.states.claim(0, 'looking on');
      const committed = meta?.next ?? 0;
      expect(committed).toBeGreaterThan(acknowledged());
      expect(snapshots).toEqual([snapshot('a.test', committed), snapshot('b.test', committed)]);
      expect(claim.ids).toEqual(ids(0, committed));
      expect(claim.outbox.map(({ offset }) => offset)).toEqual(Array.from({ length: committed }, (_, offset) => offset));
      const { next } = await embedded.reader.bounds(0);
      expect(next).toBeGreaterThanOrEqual(committed);
      expect((await embedded.control.read(0)).length).toBeGreaterThanOrEqual(committed);
      last = committed;
      await embedded.close();
    }
  }, 90_000);

  test('the directory is free, and was held until then: a second process is told who holds it and what to do', async () => {
    const dataDir = newDirectory();
    const { child, acknowledged } = startWriter(dataDir);
    await vi.waitFor(() => expect(acknowledged()).toBeGreaterThan(0), { timeout: 20_000, interval: 5 });
    const { problem, message } = refusal(dataDir);
    expect(problem).toBe('held');
    expect(message).toContain(`the data directory ${dataDir} is held by another process (pid ${child.pid}). Stop that one first`);
    expect(message).toMatch(WHAT_ELSE);
    await kill(child);
    expect((await open({ dataDir }).states.claim(0, 'looking on')).meta?.next).toBeGreaterThan(0);
  }, 60_000);
});

describe('a data directory', () => {
  test('is made where it is missing, its parents too, and readable by nobody else', async () => {
    const dataDir = join(newDirectory(), 'a/b');
    open({ dataDir });
    expect(readdirSync(dataDir)).toContain('fuseboard.sqlite');
    expect(statSync(dataDir).mode & 0o077).toBe(0);
  });

  test('is held against a second opening in the same process, and free after close', async () => {
    const dataDir = newDirectory();
    const first = open({ dataDir });
    expect(refusal(dataDir).problem).toBe('held');
    await first.outcomes.append([outcome(0)]);
    await first.close();
    await first.close();
    const second = open({ dataDir });
    expect((await second.reader.bounds(0)).next).toBe(1);
    expect(refusal(dataDir).problem).toBe('held');
  });

  test('that cannot be made is refused by a message that names it and says what to do', () => {
    const file = join(newDirectory(), 'file');
    writeFileSync(file, '');
    // /proc takes no directories, not even from root.
    for (const dataDir of [join(file, 'data'), file, '/proc/fuseboard/data']) {
      const { problem, message } = refusal(dataDir);
      expect(problem).toBe('unwritable');
      expect(message).toContain(`the data directory ${dataDir} can't be written (`);
      expect(message).toMatch(WHAT_ELSE);
    }
  });

  test('whose database cannot be opened is refused, and let go', () => {
    const dataDir = newDirectory();
    mkdirSync(join(dataDir, 'fuseboard.sqlite'));
    expect(refusal(dataDir).problem).toBe('unwritable');
    rmSync(join(dataDir, 'fuseboard.sqlite'), { recursive: true });
    open({ dataDir });
    expect(readdirSync(dataDir)).toContain('fuseboard.sqlite');
  });

  test.each([99, 0])('with a database of schema version %i that is none of ours is refused and left as it is', (version) => {
    const dataDir = newDirectory();
    const file = join(dataDir, 'fuseboard.sqlite');
    const foreign = new DatabaseSync(file);
    foreign.exec(`CREATE TABLE theirs (x); PRAGMA user_version = ${version}`);
    foreign.close();
    const before = readFileSync(file);
    const { problem, message } = refusal(dataDir);
    expect(problem).toBe('unknown-schema');
    expect(message).toContain(`${file} has schema version ${version}, and this Fuseboard knows version 1. Run the Fuseboard that wrote it`);
    expect(message).toMatch(WHAT_ELSE);
    expect(readFileSync(file)).toEqual(before);
  });

  test('with a damaged database is refused by name, and left as it is', () => {
    const dataDir = newDirectory();
    writeFileSync(join(dataDir, 'fuseboard.sqlite'), 'this is no database, but it is long enough to be taken for one '.repeat(100));
    const { problem, message } = refusal(dataDir);
    expect(problem).toBe('damaged');
    expect(message).toContain(`the data directory ${dataDir} holds a file that is damaged`);
    expect(readFileSync(join(dataDir, 'fuseboard.sqlite'), 'utf8')).toMatch(/^this is no database/);
  });

  test('called :memory: is nowhere: nothing is written, and each has its own', async () => {
    const [one, other] = [open({ dataDir: ':memory:' }), open({ dataDir: ':memory:' })];
    await one.outcomes.append([outcome(0)]);
    expect((await other.reader.bounds(0)).next).toBe(0);
    expect(readdirSync('.')).not.toContain(':memory:');
  });
});

describe('close', () => {
  test('ends the delivery, and nothing can be written behind it', async () => {
    const embedded = open({ dataDir: newDirectory() });
    const revoked: number[] = [];
    const handler: PartitionHandler = { assigned: async () => 0, take: async () => {}, revoked: async (partition) => void revoked.push(partition) };
    await embedded.reader.run(handler);
    await embedded.close();
    expect(revoked).toEqual([0]);
    await expect(embedded.outcomes.append([outcome(0)])).rejects.toThrow(/not open|closed|finalized/);
  });
});

describe('a dead letter', () => {
  test('that is told again by a refold is kept once', async () => {
    const embedded = open({ dataDir: ':memory:' });
    const letter = { partition: 0, offset: 3, reason: 'r', key: null, value: new Uint8Array([1]) };
    await embedded.deadLetters.append([letter, letter]);
    await embedded.deadLetters.append([letter, { ...letter, offset: 4 }]);
    expect((await embedded.deadLetters.newest(10)).map(({ offset }) => offset)).toEqual([4, 3]);
  });
});

describe('trouble in the background', () => {
  test('is reported with what was being done, each time', async () => {
    const reported: [unknown, string][] = [];
    const embedded = open({ dataDir: ':memory:', onError: (error, doing) => reported.push([error, doing]) });
    const failure = new Error('the store is out of reach');
    let refusals = 0;
    const taken: number[] = [];
    await embedded.outcomes.append([outcome(0)]);
    await embedded.reader.run({
      assigned: async () => 0,
      take: async (_, records) => {
        if (refusals++ < 2) throw failure;
        taken.push(records.length);
      },
      revoked: async () => {},
    });
    await vi.waitFor(() => expect(taken).toEqual([1]), 10_000);
    expect(reported).toEqual([[failure, 'folding records'], [failure, 'folding records']]);
  });
});

describe('retention', () => {
  const T0 = 1_790_000_000_000;
  const OLD = 2_500;

  /** 2,500 outcomes and a transition and a dead letter at T0, `folded` of the outcomes folded, and one outcome each at 7 and 30 days. */
  async function aged(folded: number): Promise<{ embedded: Embedded; clock: { nowMs: number } }> {
    const clock = { nowMs: T0 };
    const embedded = open({ dataDir: newDirectory(), now: () => clock.nowMs });
    await embedded.outcomes.append(outcomes(0, OLD));
    await embedded.transitions.append([transition('a.test', 1)]);
    await embedded.deadLetters.append([{ partition: 0, offset: 1, reason: 'r', key: null, value: null }]);
    await embedded.control.append([draft({ kind: 'clear', upstream: 'a.test' })]);
    await embedded.states.commit(commit(null, folded, { ids: ids(0, folded), outbox: [entry(1)] }));
    clock.nowMs = T0 + 7 * DAY_MS;
    await embedded.outcomes.append([outcome(OLD)]);
    clock.nowMs = T0 + 30 * DAY_MS;
    await embedded.transitions.append([transition('a.test', 2)]);
    await embedded.deadLetters.append([{ partition: 0, offset: 2, reason: 'r', key: null, value: null }]);
    return { embedded, clock };
  }

  test('keeps outcomes 7 days, and nothing shorter', async () => {
    const { embedded, clock } = await aged(OLD);
    clock.nowMs = T0 + 7 * DAY_MS;
    await embedded.applyRetention();
    expect((await embedded.reader.bounds(0)).first).toBe(0);
    clock.nowMs++;
    await embedded.applyRetention();
    expect(await embedded.reader.bounds(0)).toMatchObject({ first: OLD, next: OLD + 1 });
    expect((await embedded.reader.read(0, 0, 10)).map(({ offset }) => offset)).toEqual([OLD]);
  });

  test('keeps the name of the log though its first record is gone (V1)', async () => {
    const { embedded, clock } = await aged(OLD);
    const { identity } = await embedded.reader.bounds(0);
    clock.nowMs++;
    await embedded.applyRetention();
    expect(await embedded.reader.bounds(0)).toEqual({ first: OLD, next: OLD + 1, passed: 0, identity });
    await embedded.outcomes.append([outcome(OLD + 1)]);
    expect((await embedded.reader.bounds(0)).identity).toBe(identity);
  });

  test('keeps what is not folded yet, however old', async () => {
    const { embedded, clock } = await aged(1_200);
    clock.nowMs = T0 + 365 * DAY_MS;
    await embedded.applyRetention();
    expect(await embedded.reader.bounds(0)).toMatchObject({ first: 1_200, next: OLD + 1 });
  });

  test('keeps the newest record, so that no offset is ever given twice', async () => {
    const dataDir = newDirectory();
    let nowMs = T0;
    const embedded = open({ dataDir, now: () => nowMs });
    await embedded.outcomes.append(outcomes(0, 10));
    await embedded.states.commit(commit(null, 10));
    nowMs += 365 * DAY_MS;
    await embedded.applyRetention();
    const bounds = await embedded.reader.bounds(0);
    expect(bounds).toMatchObject({ first: 9, next: 10 });
    await embedded.close();
    const again = open({ dataDir });
    expect(await again.reader.bounds(0)).toEqual(bounds);
  });

  test('keeps transitions and dead letters 30 days, and nothing shorter', async () => {
    const { embedded, clock } = await aged(OLD);
    const kept = async (): Promise<number[][]> => {
      const { transitions } = await embedded.transitions.list({ limit: 10 });
      return [transitions.map(({ generation }) => generation), (await embedded.deadLetters.newest(10)).map(({ offset }) => offset)];
    };
    await embedded.applyRetention();
    expect(await kept()).toEqual([[2, 1], [2, 1]]);
    clock.nowMs++;
    await embedded.applyRetention();
    expect(await kept()).toEqual([[2], [2]]);
  });

  test('keeps control, snapshots, ids and the outbox for ever (L1, K5)', async () => {
    const { embedded, clock } = await aged(OLD);
    const before = [await embedded.control.read(0), { ...(await embedded.states.claim(0, 'looking on')), epoch: 0 }];
    clock.nowMs = T0 + 3_650 * DAY_MS;
    await embedded.applyRetention();
    expect([await embedded.control.read(0), { ...(await embedded.states.claim(0, 'looking on')), epoch: 0 }]).toEqual(before);
  });

  test('is as told', async () => {
    let nowMs = T0;
    const embedded = open({ dataDir: ':memory:', now: () => nowMs, retention: { transitionsMs: 1_000 } });
    await embedded.transitions.append([transition('a.test', 1)]);
    nowMs += 1_001;
    await embedded.applyRetention();
    expect((await embedded.transitions.list({ limit: 10 })).transitions).toEqual([]);
  });

  test('deletes in chunks, and lets others work in between', async () => {
    const { embedded, clock } = await aged(OLD);
    clock.nowMs++;
    const sweep = embedded.applyRetention();
    const seen: number[] = [];
    for (let first = 0; first < OLD && seen.length < 100; ) {
      ({ first } = await embedded.reader.bounds(0));
      if (first !== seen.at(-1)) seen.push(first);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sweep;
    expect(seen).toEqual([1_000, 2_000, OLD]);
  });

  test('is applied each minute by itself', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    const { embedded, clock } = await aged(OLD);
    clock.nowMs++;
    vi.advanceTimersByTime(60_000);
    await expect.poll(async () => (await embedded.reader.bounds(0)).first, { timeout: 10_000 }).toBe(OLD);
    expect((await embedded.transitions.list({ limit: 10 })).transitions).toHaveLength(1);
  });
});

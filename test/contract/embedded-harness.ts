/** The embedded driver as the contract suite drives it. */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openEmbedded } from '#drivers';
import type { DriverUnderTest, Harness } from './harness.ts';

const FRESHNESS_MS = 20;
const LETTERS_MAX = 1_000;

interface Opened {
  readonly dataDir: string;
  /** Set by a test; else the real clock. */
  nowMs?: number;
}

const openedDrivers = new WeakMap<DriverUnderTest, Opened>();

function openedOf(driver: DriverUnderTest): Opened {
  const found = openedDrivers.get(driver);
  if (found === undefined) throw new Error('this harness opened no such driver');
  return found;
}

const newDirectory = (): string => mkdtempSync(join(tmpdir(), 'fuseboard-contract-'));

function open(opened: Opened): DriverUnderTest {
  // Batches that a test refuses, and listeners that throw, are meant to be reported; nobody need read it here.
  const embedded = openEmbedded({ dataDir: opened.dataDir, now: () => opened.nowMs ?? Date.now(), freshnessMs: FRESHNESS_MS, onError: () => {} });
  const driver: DriverUnderTest = {
    ...embedded,
    appendRaw: async (_partition, key, value) => void (await embedded.appendRaw(key, value)),
    letters: () => embedded.deadLetters.newest(LETTERS_MAX),
    close: async () => {
      await embedded.close();
      if (opened.dataDir !== ':memory:') rmSync(opened.dataDir, { recursive: true, force: true });
    },
  };
  openedDrivers.set(driver, opened);
  return driver;
}

const database = (dataDir: string): string => join(dataDir, 'fuseboard.sqlite');

/** What kill -9 leaves: the files as they are at this moment. The driver itself ends without them. */
async function crash(driver: DriverUnderTest): Promise<DriverUnderTest> {
  const opened = openedOf(driver);
  const dataDir = newDirectory();
  for (const suffix of ['', '-wal']) {
    const file = database(opened.dataDir) + suffix;
    if (existsSync(file)) copyFileSync(file, database(dataDir) + suffix);
  }
  await driver.close();
  return open({ ...opened, dataDir });
}

/** A second connection's trigger makes each commit break a rule that SQLite looks at in COMMIT only. */
async function breakCommits(driver: DriverUnderTest): Promise<() => Promise<void>> {
  const saboteur = new DatabaseSync(database(openedOf(driver).dataDir));
  saboteur.exec(`
    CREATE TABLE broken (nowhere INTEGER REFERENCES meta (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER breaking AFTER INSERT ON meta BEGIN INSERT INTO broken VALUES (99); END;
  `);
  return async () => {
    saboteur.exec('DROP TRIGGER breaking; DROP TABLE broken');
    saboteur.close();
  };
}

const setClock = (driver: DriverUnderTest, nowMs: number): void => void (openedOf(driver).nowMs = nowMs);

export const embeddedOnDisk: Harness = {
  name: 'embedded, on disk',
  open: async () => open({ dataDir: newDirectory() }),
  crash,
  breakCommits,
  setClock,
};

export const embeddedInMemory: Harness = {
  name: 'embedded, in memory',
  open: async () => open({ dataDir: ':memory:' }),
  setClock,
};

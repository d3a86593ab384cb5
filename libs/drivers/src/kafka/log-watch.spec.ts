import { expect, test } from 'vitest';
import { LogWatch, type Sighting } from './log-watch.ts';

/** A log that may be made again; `read` gives its records from there on. */
class Stage {
  nowMs = 0;
  identity: string | undefined = 'first';
  records: Sighting[] = [];
  isAway = false;
  readonly watch = new LogWatch({
    identity: async () => await this.#ask(() => this.identity),
    appendMsAt: async (at) => await this.#ask(() => this.records.find(({ offset }) => offset === at)?.appendMs),
    monotonicMs: () => this.nowMs,
  });

  append(count: number): void {
    for (let n = 0; n < count; n++) this.records.push({ offset: this.records.length, appendMs: this.nowMs });
  }

  makeAgain(): void {
    this.identity = 'second';
    this.records = [];
  }

  readAfter(ms: number): void {
    this.nowMs += ms;
    this.watch.answered(this.records.at(-1));
  }

  async #ask<T>(answer: () => T): Promise<T> {
    await Promise.resolve();
    if (this.isAway) throw new Error('away');
    return answer();
  }
}

async function reading(): Promise<Stage> {
  const stage = new Stage();
  stage.append(5);
  await stage.watch.begin();
  stage.readAfter(100);
  return stage;
}

test('V1: nothing is doubted while the log answers one time after the other', async () => {
  const stage = await reading();
  for (let n = 0; n < 10; n++) stage.readAfter(500);
  expect(stage.watch.isDoubted).toBe(false);
});

test('V1: behind a gap a log is the same where the last record before it is still as it was', async () => {
  const stage = await reading();
  stage.append(3);
  stage.readAfter(501);
  expect(stage.watch.isDoubted).toBe(true);
  expect(await stage.watch.isSame()).toBe(true);
  expect(stage.watch.isDoubted).toBe(false);
});

test('V1: a log that was made again in a gap and has outgrown our position is another one, also after it answered on', async () => {
  const stage = await reading();
  stage.makeAgain();
  stage.nowMs = 5_000;
  stage.append(20);
  stage.readAfter(0);
  stage.readAfter(100);
  expect(stage.watch.isDoubted).toBe(true);
  expect(await stage.watch.isSame()).toBe(false);
});

test('V1: one whose record at our position is gone is another one', async () => {
  const stage = await reading();
  stage.readAfter(600);
  stage.records = [];
  expect(await stage.watch.isSame()).toBe(false);
});

test('V1: a gap before the first record is decided by what names the log', async () => {
  const stage = new Stage();
  await stage.watch.begin();
  stage.readAfter(501);
  expect(await stage.watch.isSame()).toBe(true);
  stage.makeAgain();
  stage.append(1);
  stage.readAfter(501);
  expect(await stage.watch.isSame()).toBe(false);
  await stage.watch.begin();
  expect(stage.watch.isDoubted).toBe(false);
});

test('V1: the doubt stays where nobody could be asked, and where another gap comes while it is asked', async () => {
  const stage = await reading();
  stage.readAfter(501);
  stage.isAway = true;
  await expect(stage.watch.isSame()).rejects.toThrow('away');
  expect(stage.watch.isDoubted).toBe(true);
  stage.isAway = false;
  const asked = stage.watch.isSame();
  stage.makeAgain();
  stage.append(9);
  stage.readAfter(501);
  await asked;
  expect(stage.watch.isDoubted).toBe(true);
  expect(await stage.watch.isSame()).toBe(false);
});

/** How fast somebody gets through a log that is there already: from a tenth of it to nine tenths, so that no start is measured. */
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuSeconds } from './proxy-subjects.ts';

const LOOK_EACH_MS = 10;
const FROM = 0.1;
const TO = 0.9;
const GIVEN_UP_AFTER_MS = 120_000;

export interface Pace {
  readonly recordsPerSecond: number;
  /** Of the processes that read. */
  readonly cpuUsPerRecord: number;
}

/** @param progress records read so far, of `records` */
export async function paceOf(progress: () => number | Promise<number>, by: { readonly records: number; readonly pids: readonly number[] }): Promise<Pace> {
  const from = await reaching(FROM * by.records);
  const to = await reaching(TO * by.records);
  const records = to.read - from.read;
  return { recordsPerSecond: (records / (to.atMs - from.atMs)) * 1_000, cpuUsPerRecord: ((to.cpuS - from.cpuS) / records) * 1e6 };

  async function reaching(goal: number): Promise<{ read: number; atMs: number; cpuS: number }> {
    for (const endMs = performance.now() + GIVEN_UP_AFTER_MS; performance.now() < endMs; await sleep(LOOK_EACH_MS)) {
      const read = await progress();
      if (read < goal) continue;
      return { read, atMs: performance.now(), cpuS: by.pids.map(cpuSeconds).reduce((sum, each) => sum + each, 0) };
    }
    throw new Error(`${goal} of ${by.records} records were not read within ${GIVEN_UP_AFTER_MS / 1_000} s`);
  }
}

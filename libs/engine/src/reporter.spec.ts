import { beforeEach, describe, expect, test } from 'vitest';
import type { Call, Outcome, OutcomeLog } from '#engine';
import { LogClock, Reporter } from '#engine';

/** A log that answers when the test says so. */
class SlowLog implements OutcomeLog {
  readonly #nowMs: () => number;
  readonly sends: { records: readonly Outcome[]; content: string; acknowledge: () => Promise<void>; refuse: () => Promise<void> }[] = [];

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  append(records: readonly Outcome[]): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      const settle = async (act: () => void): Promise<void> => {
        act();
        await new Promise(setImmediate);
      };
      this.sends.push({
        records,
        content: JSON.stringify(records),
        acknowledge: () => settle(() => resolve(records.map(this.#nowMs))),
        refuse: () => settle(() => reject(new Error('no log'))),
      });
    });
  }

  async appendMark(): Promise<void> {}

  async sendOn(): Promise<void> {}
}

const call = (over: Partial<Call> = {}): Call => ({
  upstream: 'a',
  result: { kind: 'status', code: 200 },
  durationMs: 5,
  admitted: { incarnation: 1, generation: 1 },
  slowTimeThresholdMs: 200,
  ...over,
});

describe('V6: the reporter', () => {
  let nowMs: number;
  let log: SlowLog;
  let reporter: Reporter;
  let woken: number[];
  const newReporter = (over: { singlesMax?: number; pacePerCallMs?: number } = {}): Reporter =>
    new Reporter(log, { reporter: 'proxy-a', idPrefix: 'x-', clock: new LogClock({ wallMs: () => nowMs, monotonicMs: () => nowMs }), wake: (afterMs) => woken.push(afterMs), ...over });
  /** One that merges from the first call on, and sends without a pause. */
  const newMerging = (): Reporter => newReporter({ singlesMax: 0, pacePerCallMs: 0 });
  beforeEach(() => {
    nowMs = 1_000_000;
    log = new SlowLog(() => nowMs);
    woken = [];
    reporter = newReporter();
  });
  const sent = (n: number): readonly Outcome[] => log.sends[n]?.records ?? [];

  test('an outcome goes at once while no send is on its way', () => {
    reporter.report(call());
    expect(sent(0)).toMatchObject([{ upstream: 'a', atMs: 1_000_000, reporter: 'proxy-a', id: 'x-0', count: 1, durationMs: 5 }]);
  });

  test('while few wait, each is a record of its own, in their order, so that a breaker trips at the very call', async () => {
    reporter.report(call());
    reporter.report(call());
    reporter.report(call({ result: { kind: 'status', code: 500 } }));
    reporter.report(call());
    nowMs += 4;
    await log.sends[0]?.acknowledge();
    expect(sent(1).map(({ id, count, result }) => [id, count, result])).toEqual([
      ['x-1', 1, { kind: 'status', code: 200 }],
      ['x-2', 1, { kind: 'status', code: 500 }],
      ['x-3', 1, { kind: 'status', code: 200 }],
    ]);
  });

  test('L4: beyond 200 calls in 100 ms calls alike are merged, and so they are in the 100 ms behind, however small the sends', async () => {
    for (let n = 0; n < 250; n++) reporter.report(call());
    nowMs += 4;
    await log.sends[0]?.acknowledge();
    expect(sent(1).map(({ count }) => count)).toEqual([...Array.from({ length: 199 }, () => 1), 50]);
    nowMs += 100;
    for (let n = 0; n < 30; n++) reporter.report(call());
    await log.sends[1]?.acknowledge();
    expect(sent(2)).toMatchObject([{ count: 30 }]);
    nowMs += 200;
    reporter.report(call());
    reporter.report(call());
    await log.sends[2]?.acknowledge();
    nowMs += 90;
    reporter.pulse();
    expect(log.sends.slice(3).flatMap(({ records }) => records.map(({ count }) => count))).toEqual([1, 1]);
  });

  test('merged calls that count against an upstream go behind those that don’t: no ratio trips on half of a send', async () => {
    reporter = newMerging();
    reporter.report(call());
    for (const over of [{ result: { kind: 'status', code: 500 } }, { durationMs: 200 }, {}] as const) {
      for (let n = 0; n < 3; n++) reporter.report(call(over));
    }
    await log.sends[0]?.acknowledge();
    expect(sent(1).map(({ result, durationMs, count }) => [result, durationMs, count])).toEqual([
      [{ kind: 'status', code: 200 }, 5, 3],
      [{ kind: 'status', code: 200 }, 200, 3],
      [{ kind: 'status', code: 500 }, 5, 3],
    ]);
  });

  test('after a send the next waits 4 ms for each call that it carried, and asks once to be woken', async () => {
    reporter.report(call());
    reporter.report(call());
    await log.sends[0]?.acknowledge();
    nowMs += 1;
    reporter.report(call());
    nowMs += 2;
    reporter.report(call());
    expect(log.sends).toHaveLength(1);
    expect(woken).toEqual([4]);
    nowMs += 1;
    reporter.pulse();
    expect(sent(1)).toHaveLength(3);
    await log.sends[1]?.acknowledge();
    nowMs += 11;
    reporter.report(call());
    expect(woken).toEqual([4, 1]);
    nowMs += 1;
    reporter.report(call());
    expect(sent(2)).toHaveLength(2);
  });

  test('no pause is longer than 90 ms, none is made for a flush, and none outlasts a clock that is set back', async () => {
    reporter.report(call());
    for (let n = 0; n < 500; n++) reporter.report(call());
    nowMs += 4;
    await log.sends[0]?.acknowledge();
    await log.sends[1]?.acknowledge();
    reporter.report(call());
    nowMs += 89;
    reporter.pulse();
    expect(log.sends).toHaveLength(2);
    nowMs += 1;
    reporter.pulse();
    expect(log.sends).toHaveLength(3);
    for (let n = 0; n < 500; n++) reporter.report(call());
    const flushed = reporter.flush();
    await log.sends[2]?.acknowledge();
    await log.sends[3]?.acknowledge();
    await flushed;
    nowMs -= 3_000;
    reporter.report(call());
    expect(log.sends).toHaveLength(5);
  });

  test('what may trip a breaker, an error or a slow call, waits 10 ms at most, and has whoever wakes us woken sooner', async () => {
    for (const bad of [{ result: { kind: 'status', code: 503 } }, { durationMs: 2_000, slowTimeThresholdMs: 1_000 }] as const) {
      log = new SlowLog(() => nowMs);
      woken = [];
      reporter = newReporter();
      for (let n = 0; n < 100; n++) reporter.report(call());
      nowMs += 4;
      await log.sends[0]?.acknowledge();
      await log.sends[1]?.acknowledge();
      nowMs += 1;
      reporter.report(call());
      expect(woken.at(-1)).toBeGreaterThan(10);
      nowMs += 5;
      reporter.report(call(bad));
      expect([log.sends.length, woken.at(-1)]).toEqual([2, 4]);
      nowMs += 4;
      reporter.pulse();
      expect(log.sends).toHaveLength(3);
      nowMs += 1_000;
    }
  });

  test('L4: while one is on its way, calls alike become one record with the oldest `at` and the longest duration', async () => {
    reporter = newMerging();
    reporter.report(call());
    reporter.report(call({ durationMs: 3 }));
    nowMs += 99;
    reporter.report(call({ durationMs: 9 }));
    await log.sends[0]?.acknowledge();
    expect(sent(1)).toMatchObject([{ count: 2, durationMs: 9, atMs: 1_000_000, id: 'x-1' }]);
  });

  test.each<[string, Partial<Call>]>([
    ['another upstream', { upstream: 'b' }],
    ['another generation', { admitted: { incarnation: 1, generation: 2 } }],
    ['another incarnation', { admitted: { incarnation: 2, generation: 1 } }],
    ['another result', { result: { kind: 'status', code: 500 } }],
    ['a failure', { result: { kind: 'failure', failure: 'reset' } }],
    ['slow by the threshold in force', { durationMs: 200 }],
    ['another try', { attempt: 2 }],
  ])('L4: %s is not alike', async (_what, over) => {
    reporter = newMerging();
    reporter.report(call());
    reporter.report(call());
    reporter.report(call(over));
    await log.sends[0]?.acknowledge();
    expect(sent(1).map(({ count }) => count)).toEqual([1, 1]);
  });

  test('L4: calls known 100 ms apart are two records', async () => {
    reporter = newMerging();
    reporter.report(call());
    reporter.report(call());
    nowMs += 100;
    reporter.report(call());
    const later = log.sends.slice(1).flatMap(({ records }) => records);
    expect(later.map(({ count }) => count)).toEqual([1, 1]);
  });

  test('at most 100 ms wait while a send is on its way', () => {
    reporter.report(call());
    reporter.report(call());
    nowMs += 99;
    reporter.pulse();
    expect(log.sends).toHaveLength(1);
    nowMs += 1;
    reporter.pulse();
    expect(log.sends).toHaveLength(2);
  });

  test('at most 1,000 records wait while a send is on its way', () => {
    reporter.report(call());
    for (let n = 0; n < 1_000; n++) reporter.report(call({ upstream: `u${n}` }));
    expect(sent(1)).toHaveLength(1_000);
  });

  test('a record once handed to a send never changes, and a send that failed is repeated with the same ids', async () => {
    reporter.report(call());
    reporter.report(call());
    const before = log.sends[0]?.content;
    await log.sends[0]?.refuse();
    reporter.pulse();
    expect(JSON.stringify(sent(1))).toBe(before);
    expect(JSON.stringify(sent(0))).toBe(before);
  });

  test('once the log answers again, each answer sends what failed next, without a pulse', async () => {
    for (let n = 0; n < 6; n++) {
      reporter.report(call({ upstream: `u${n}` }));
      nowMs += 100;
      reporter.report(call({ upstream: `u${n}` }));
      for (const { refuse } of log.sends) await refuse();
    }
    const tried = log.sends.length;
    reporter.pulse();
    expect(log.sends).toHaveLength(tried + 4);
    await log.sends[tried]?.acknowledge();
    expect(log.sends).toHaveLength(tried + 5);
    expect(log.sends.slice(0, tried).map(({ content }) => content)).toContain(log.sends[tried + 4]?.content);
  });

  test('a log that does not answer costs bounded memory: beyond it calls are dropped and counted', () => {
    for (let n = 0; n < 50_000; n++) reporter.report(call({ upstream: `u${n}` }));
    expect(log.sends).toHaveLength(4);
    expect(reporter.waiting).toBe(10_000);
    expect(reporter.dropped).toBe(50_000 - 10_000 - log.sends.reduce((sum, { records }) => sum + records.length, 0));
  });

  test('behind a log that was slow, no send takes more than 1,000 records, and all go', async () => {
    for (let n = 0; n < 8_000; n++) reporter.report(call({ upstream: `u${n}` }));
    const flushed = reporter.flush();
    for (let n = 0; n < log.sends.length; n++) await log.sends[n]?.acknowledge();
    await flushed;
    expect(Math.max(...log.sends.map(({ records }) => records.length))).toBe(1_000);
    expect(new Set(log.sends.flatMap(({ records }) => records.map(({ id }) => id))).size).toBe(8_000);
  });

  test('flush settles once everything has been acknowledged', async () => {
    reporter.report(call());
    reporter.report(call());
    let done = false;
    const flushed = reporter.flush().then(() => (done = true));
    await log.sends[0]?.acknowledge();
    expect(done).toBe(false);
    await log.sends[1]?.acknowledge();
    await flushed;
    expect(done).toBe(true);
  });
});

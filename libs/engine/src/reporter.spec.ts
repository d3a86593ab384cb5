import { beforeEach, describe, expect, test } from 'vitest';
import type { Call, Outcome, OutcomeLog } from '#engine';
import { LogClock, Reporter } from '#engine';

/** A log that answers when the test says so. */
class SlowLog implements OutcomeLog {
  readonly sends: { records: readonly Outcome[]; content: string; acknowledge: () => Promise<void>; refuse: () => Promise<void> }[] = [];

  append(records: readonly Outcome[]): Promise<readonly number[]> {
    return new Promise((resolve, reject) => {
      const settle = async (act: () => void): Promise<void> => {
        act();
        await new Promise(setImmediate);
      };
      this.sends.push({
        records,
        content: JSON.stringify(records),
        acknowledge: () => settle(() => resolve(records.map(({ atMs }) => atMs))),
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
  beforeEach(() => {
    nowMs = 1_000_000;
    log = new SlowLog();
    reporter = new Reporter(log, { reporter: 'proxy-a', idPrefix: 'x-', clock: new LogClock(() => nowMs) });
  });
  const sent = (n: number): readonly Outcome[] => log.sends[n]?.records ?? [];

  test('an outcome goes at once while no send is on its way', () => {
    reporter.report(call());
    expect(sent(0)).toMatchObject([{ upstream: 'a', atMs: 1_000_000, reporter: 'proxy-a', id: 'x-0', count: 1, durationMs: 5 }]);
  });

  test('L4: while one is on its way, calls alike become one record with the oldest `at` and the longest duration', async () => {
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
    reporter.report(call());
    reporter.report(call());
    reporter.report(call(over));
    await log.sends[0]?.acknowledge();
    expect(sent(1).map(({ count }) => count)).toEqual([1, 1]);
  });

  test('L4: calls known 100 ms apart are two records', async () => {
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

  test('T2: `at` is told by the log’s clock once an append time has shown that ours is off', async () => {
    const clock = new LogClock(() => nowMs);
    clock.observe(nowMs + 60_000, { sentMs: nowMs - 5, acknowledgedMs: nowMs });
    expect(clock.nowMs()).toBe(nowMs + 60_000);
    clock.observe(nowMs + 55_000, { sentMs: nowMs - 9_000, acknowledgedMs: nowMs });
    expect(clock.nowMs()).toBe(nowMs + 60_000);
    clock.observe(nowMs - 2, { sentMs: nowMs - 5, acknowledgedMs: nowMs });
    expect(clock.nowMs()).toBe(nowMs + 3);
  });

  test('T2: nothing is corrected while appends lie between send and reply by our own clock', () => {
    const clock = new LogClock(() => nowMs);
    clock.observe(nowMs - 2, { sentMs: nowMs - 5, acknowledgedMs: nowMs });
    expect(clock.nowMs()).toBe(nowMs);
  });
});

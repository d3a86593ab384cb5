import { describe, expect, it } from 'vitest';
import type { LogRecord, Outcome, OutcomeReader, Result } from '#engine';
import { recentOutcomes } from './recent-outcomes.ts';

const NOW = 1_790_000_120_000;

function record(offset: number, of: Partial<Outcome> & { appendMs: number }): LogRecord {
  const { appendMs, ...outcome } = of;
  const result: Result = { kind: 'ok' };
  return { offset, appendMs, entry: { kind: 'outcome', outcome: { upstream: 'a', atMs: appendMs, reporter: 'p', count: 1, result, ...outcome } } };
}

/** A log of these, as the reader of a driver gives them. */
function log(records: readonly LogRecord[], first = 0) {
  const asked: number[] = [];
  const reader: Pick<OutcomeReader, 'bounds' | 'read'> = {
    bounds: async () => ({ first, next: (records.at(-1)?.offset ?? first - 1) + 1, identity: 'x', passed: 0 }),
    read: async (_, from, max) => (asked.push(max), records.filter(({ offset }) => offset >= from).slice(0, max)),
  };
  return { reader: reader as OutcomeReader, asked };
}

const QUERY = { upstream: 'a', partition: 0, spanMs: 120_000, nowMs: NOW, slowTimeMs: 100 };

describe('what was reported lately', () => {
  it('is counted by time and by reporter, errors and slow calls apart, records of several calls as that many', async () => {
    const failed: Result = { kind: 'status', code: 503 };
    const { reader } = log([
      record(1, { appendMs: NOW - 500_000, result: failed }),
      record(2, { appendMs: NOW - 3_000, upstream: 'b', result: failed }),
      record(4, { appendMs: NOW - 3_000, result: failed, count: 4, durationMs: 100, reporter: 'q' }),
      record(5, { appendMs: NOW - 2_999, durationMs: 99 }),
      record(6, { appendMs: NOW - 1_000 }),
    ]);
    const recent = await recentOutcomes(reader, QUERY);
    expect(recent).toMatchObject({ isWhole: true, bucketMs: 2_000, from: { offset: 1, atMs: NOW - 120_000 } });
    expect(recent.buckets).toEqual([
      { atMs: NOW - 4_000, calls: 5, errors: 4, slow: 4 },
      { atMs: NOW - 2_000, calls: 1, errors: 0, slow: 0 },
    ]);
    expect(recent.reporters.map(({ reporter, calls, errors }) => [reporter, calls, errors])).toEqual([['q', 4, 4], ['p', 2, 0]]);
    expect(recent.last.map(({ offset }) => offset)).toEqual([6, 5, 4]);
  });

  it('is read back 20,000 records at most, in pieces, and says that it is not the whole', async () => {
    const { reader, asked } = log(Array.from({ length: 30_000 }, (_, offset) => record(offset, { appendMs: NOW - 1_000, upstream: offset % 2 === 0 ? 'a' : 'b' })));
    const recent = await recentOutcomes(reader, QUERY);
    expect([recent.isWhole, recent.from?.offset, recent.buckets[0]?.calls, asked.length, Math.max(...asked)]).toEqual([false, 10_000, 10_000, 10, 2_000]);
  });

  it('is told of the fifty who reported most, and of the newest twenty outcomes one by one, however many there are', async () => {
    // Each reporter has told one more than the one before.
    const reported = Array.from({ length: 60 }, (_, n) => Array.from({ length: n + 1 }, () => `r${n}`)).flat();
    const { reader } = log(reported.map((reporter, offset) => record(offset, { appendMs: NOW - 1_000, reporter })));
    const { reporters, last } = await recentOutcomes(reader, QUERY);
    expect(reporters.map(({ reporter, calls }) => [reporter, calls])).toEqual(Array.from({ length: 50 }, (_, n) => [`r${59 - n}`, 60 - n]));
    expect(last.map(({ offset }) => offset)).toEqual(Array.from({ length: 20 }, (_, n) => reported.length - 1 - n));
  });

  it('is nothing where the log is empty, and is read no further than where it was cut', async () => {
    expect(await recentOutcomes(log([]).reader, QUERY)).toMatchObject({ isWhole: true, buckets: [], reporters: [], last: [] });
    const { reader } = log([record(700, { appendMs: NOW - 10 })], 700);
    expect(await recentOutcomes(reader, QUERY)).toMatchObject({ isWhole: true, from: { offset: 700 } });
  });
});

import { describe, expect, test } from 'vitest';
import type { LogRecord } from './outcome.ts';
import type { LogBounds, PartitionMeta } from './ports.ts';
import { overgrownReason } from './reincarnation.ts';

/** The state says: folded up to 100, and the clock was at 5,000 then. */
const KEPT: PartitionMeta = { incarnation: 1, next: 100, clockMs: 5_000, control: -1, sequence: 7 };
const CUT: LogBounds = { first: 40, next: 300, identity: undefined, passed: 0 };

/** Each record was appended at this, or isn't there. */
async function reasonOf(appendMs: Record<number, number>, { kept = KEPT, bounds = CUT }: { kept?: PartitionMeta | undefined; bounds?: LogBounds } = {}): Promise<string | undefined> {
  const records = Object.entries(appendMs).map(([offset, at]): LogRecord => ({ offset: Number(offset), appendMs: at, entry: { kind: 'mark', mark: { control: -1, hash: '' } } }));
  const read = async (_partition: number, from: number, max: number): Promise<LogRecord[]> => {
    expect(from).toBeGreaterThanOrEqual(bounds.first);
    return await Promise.resolve(records.filter(({ offset }) => offset >= from).slice(0, max));
  };
  return await overgrownReason({ read }, { partition: 3, kept, bounds });
}

describe('V1: a log that was cut', () => {
  test('is another one where its last folded record was appended behind the clock that folding it would have given', async () => {
    expect(await reasonOf({ 98: 4_000, 99: 5_001 })).toBe('the log is another one: its record 99 was appended 1 ms behind the clock of the state that is said to hold it');
  });

  test('is the same where that record is not beyond the clock', async () => {
    expect(await reasonOf({ 99: 5_000, 100: 9_000 })).toBeUndefined();
    expect(await reasonOf({ 99: 1_000 })).toBeUndefined();
  });

  test('is told by the record in front of a hole', async () => {
    expect(await reasonOf({ 60: 9_000, 120: 9_001 })).toMatch(/record 60/);
    expect(await reasonOf({ 60: 4_000, 120: 9_001 })).toBeUndefined();
  });

  test('tells nothing where all that was folded is gone', async () => {
    expect(await reasonOf({ 100: 9_000 }, { bounds: { ...CUT, first: 100 } })).toBeUndefined();
    expect(await reasonOf({ 120: 9_001 })).toBeUndefined();
  });
});

test('V1: a log that still has its first record is told by that alone', async () => {
  expect(await reasonOf({ 99: 9_000 }, { bounds: { ...CUT, first: 0, identity: 'log-1' } })).toBeUndefined();
});

/** OutcomeLog, and OutcomeReader's `read` and `bounds`: one partition is an append-only log with one clock (L1, T1). */
import { describe, expect, test } from 'vitest';
import type { Outcome } from '#engine';
import { afterCrash, opened, partitionFor, readAll, type DriverUnderTest, type Harness } from './harness.ts';
import { outcome, outcomes, UPSTREAM } from './samples.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

async function outcomesIn(driver: DriverUnderTest, partition: number): Promise<Outcome[]> {
  const records = await readAll(driver, partition);
  return records.flatMap(({ entry }) => (entry.kind === 'outcome' ? [entry.outcome] : []));
}

const POISON: [string, Uint8Array | null, Uint8Array | null][] = [
  ['no JSON', bytes(UPSTREAM), bytes('no JSON')],
  ['no UTF-8', bytes(UPSTREAM), new Uint8Array([0xff, 0xfe, 0x00, 0x80])],
  ['another version', bytes(UPSTREAM), bytes('{"v":2}')],
  ['an empty value', bytes(UPSTREAM), new Uint8Array()],
  ['a tombstone', bytes(UPSTREAM), null],
  ['no key', null, bytes('no key')],
  ['an empty key', new Uint8Array(), bytes('[]')],
];

export function outcomeLogContract(harness: Harness): void {
  describe('the outcomes log', () => {
    test('gives back what was appended, whole and in order, over several appends', async () => {
      const driver = await opened(harness);
      const all: Outcome[] = [
        outcome(0),
        outcome(1, { result: { kind: 'grpc', code: 14 }, durationMs: 4.2, count: 7, admitted: { incarnation: 1, generation: 3 } }),
        outcome(2, { result: { kind: 'failure', failure: 'reset' }, target: '127.0.0.1:1', attempt: 2 }),
        outcome(3, { result: { kind: 'ok' }, reporter: 'another' }),
        ...outcomes(4, 250),
      ];
      await driver.outcomes.append(all.slice(0, 2));
      await driver.outcomes.append(all.slice(2, 3));
      await driver.outcomes.append(all.slice(3));
      expect(await outcomesIn(driver, partitionFor(driver, UPSTREAM))).toEqual(all);
    });

    test('puts each upstream into the partition that is its own (L2)', async () => {
      const driver = await opened(harness);
      const upstreams = Array.from({ length: 30 }, (_, index) => `u${index}.test`);
      await driver.outcomes.append(upstreams.map((upstream, index) => outcome(index, { upstream })));
      for (let partition = 0; partition < driver.partitions; partition++) {
        const found = (await outcomesIn(driver, partition)).map(({ upstream }) => upstream);
        expect(found).toEqual(upstreams.filter((upstream) => partitionFor(driver, upstream) === partition));
      }
    });

    test('gives offsets that only grow, for outcomes, marks and foreign records alike', async () => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      for (let round = 0; round < 3; round++) {
        await driver.outcomes.append(outcomes(round * 2, round * 2 + 2));
        await driver.outcomes.appendMark(partition, { control: round, hash: 'h' });
        await driver.appendRaw(partition, null, bytes('?'));
      }
      const offsets = (await readAll(driver, partition)).map(({ offset }) => offset);
      expect(offsets).toHaveLength(12);
      expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
    });

    test('keeps marks among outcomes, where they were appended (C2)', async () => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      await driver.outcomes.append([outcome(0)]);
      await driver.outcomes.appendMark(partition, { control: 12, hash: 'abc' });
      await driver.outcomes.append([outcome(1)]);
      await driver.outcomes.appendMark(partition, { control: -1, hash: '' });
      expect((await readAll(driver, partition)).map(({ entry }) => entry)).toEqual([
        { kind: 'outcome', outcome: outcome(0) },
        { kind: 'mark', mark: { control: 12, hash: 'abc' } },
        { kind: 'outcome', outcome: outcome(1) },
        { kind: 'mark', mark: { control: -1, hash: '' } },
      ]);
    });

    test.each(POISON)('gives %s back as dead, byte for byte and with a reason, and goes on behind it', async (_what, key, value) => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      await driver.outcomes.append([outcome(0)]);
      await driver.appendRaw(partition, key, value);
      await driver.outcomes.append([outcome(1)]);
      const [before, dead, behind, ...more] = (await readAll(driver, partition)).map(({ entry }) => entry);
      expect([before?.kind, behind?.kind, more]).toEqual(['outcome', 'outcome', []]);
      if (dead?.kind !== 'dead') throw new Error(`expected a dead record, got ${dead?.kind}`);
      expect(dead.reason).not.toBe('');
      expect([dead.key && [...dead.key], dead.value && [...dead.value]]).toEqual([key && [...key], value && [...value]]);
    });

    test('reads at most `max` from `from` on, and nothing at its end', async () => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      await driver.outcomes.append(outcomes(0, 10));
      const all = await readAll(driver, partition);
      expect(await driver.reader.read(partition, all[3]!.offset, 4)).toEqual(all.slice(3, 7));
      expect(await driver.reader.read(partition, all[8]!.offset, 100)).toEqual(all.slice(8));
      expect(await driver.reader.read(partition, all[9]!.offset + 1, 100)).toEqual([]);
    });

    test('takes an append of nothing, and stays empty', async () => {
      const driver = await opened(harness);
      expect(await driver.outcomes.append([])).toEqual([]);
      const { first, next } = await driver.reader.bounds(0);
      expect(next).toBe(first);
    });
  });

  clockContract(harness);
  boundsContract(harness);
}

function clockContract(harness: Harness): void {
  describe('the log clock (T1)', () => {
    test('is one: outcomes, marks and foreign records get append times that never go down, whatever they say of themselves', async () => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      await driver.outcomes.append([outcome(0, { atMs: 4_000_000_000_000 })]);
      await driver.outcomes.appendMark(partition, { control: 0, hash: 'h' });
      await driver.outcomes.append([outcome(1, { atMs: 1 })]);
      await driver.appendRaw(partition, null, bytes('?'));
      await driver.outcomes.append([outcome(2, { atMs: 3_000_000_000_000 })]);
      const times = (await readAll(driver, partition)).map(({ appendMs }) => appendMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(times[0]).toBeLessThan(4_000_000_000_000);
      expect(times[2]).toBeGreaterThan(1);
    });

    test('tells the appender the time that readers see, one for each outcome', async () => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      const told = [...(await driver.outcomes.append(outcomes(0, 3))), ...(await driver.outcomes.append(outcomes(3, 5)))];
      expect(told).toHaveLength(5);
      expect(told.every(Number.isSafeInteger)).toBe(true);
      expect((await readAll(driver, partition)).map(({ appendMs }) => appendMs)).toEqual(told);
    });

    const { setClock } = harness;
    if (setClock === undefined) return;
    test('stands at the time of the append, for each kind of record', async () => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      setClock(driver, 5_000);
      await driver.outcomes.append(outcomes(0, 2));
      setClock(driver, 6_000);
      await driver.outcomes.appendMark(partition, { control: 0, hash: 'h' });
      setClock(driver, 7_000);
      await driver.appendRaw(partition, null, bytes('?'));
      setClock(driver, 8_000);
      await driver.control.append([]);
      expect((await readAll(driver, partition)).map(({ appendMs }) => appendMs)).toEqual([5_000, 5_000, 6_000, 7_000]);
    });
  });
}

function boundsContract(harness: Harness): void {
  describe('the bounds of a partition', () => {
    test('of an empty one: nothing between first and next, and no identity (V1)', async () => {
      const driver = await opened(harness);
      const { first, next, identity } = await driver.reader.bounds(0);
      expect([next - first, identity]).toEqual([0, '']);
    });

    test('hold every record, and `next` is where the next one goes', async () => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      const empty = await driver.reader.bounds(partition);
      await driver.outcomes.append(outcomes(0, 3));
      const { first, next } = await driver.reader.bounds(partition);
      const records = await readAll(driver, partition);
      expect(records.map(({ offset }) => offset >= first && offset < next)).toEqual([true, true, true]);
      expect(records[0]?.offset).toBeGreaterThanOrEqual(empty.next);
      await driver.outcomes.append([outcome(3)]);
      expect((await readAll(driver, partition)).at(-1)?.offset).toBeGreaterThanOrEqual(next);
    });

    test('name the log by its first record: later ones change nothing, and another log has another name (V1)', async () => {
      const [one, other] = [await opened(harness), await opened(harness)];
      const partition = partitionFor(one, UPSTREAM);
      await one.outcomes.append([outcome(0)]);
      await other.outcomes.append([outcome(1)]);
      const { identity } = await one.reader.bounds(partition);
      expect(identity).not.toBe('');
      expect((await other.reader.bounds(partition)).identity).not.toBe(identity);
      await one.outcomes.append(outcomes(1, 20));
      expect((await one.reader.bounds(partition)).identity).toBe(identity);
    });

    const { crash } = harness;
    if (crash === undefined) return;
    test('and all records with their times outlive a crash, once appended, and the log goes on behind them', async () => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      await driver.outcomes.append(outcomes(0, 5));
      await driver.outcomes.appendMark(partition, { control: 0, hash: 'h' });
      const [bounds, records] = [await driver.reader.bounds(partition), await readAll(driver, partition)];
      const next = await afterCrash({ crash }, driver);
      expect(await next.reader.bounds(partition)).toEqual(bounds);
      expect(await readAll(next, partition)).toEqual(records);
      await next.outcomes.append([outcome(5)]);
      const appended = (await readAll(next, partition)).at(-1);
      expect(appended?.offset).toBeGreaterThanOrEqual(bounds.next);
      expect(appended?.entry).toEqual({ kind: 'outcome', outcome: outcome(5) });
    });
  });
}

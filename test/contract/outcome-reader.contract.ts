/** OutcomeReader.run: the one who folds a partition gets its records once each, in order, one batch at a time. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { LogRecord, PartitionHandler } from '#engine';
import { opened, partitionFor, turns, type DriverUnderTest, type Harness } from './harness.ts';
import { outcome, outcomes, UPSTREAM } from './samples.ts';

/** Keeps what one partition is given; the others begin at their end. */
class Recorder implements PartitionHandler {
  readonly batches: (readonly LogRecord[])[] = [];
  readonly revocations: number[] = [];
  assignments = 0;
  overlaps = 0;
  readonly #driver: DriverUnderTest;
  readonly #partition: number;
  readonly #from: number | undefined;
  #taking = 0;
  /** What a batch waits for, or fails with, before it counts as taken. */
  onTake: (records: readonly LogRecord[]) => Promise<void> = turns;
  onAssigned: () => Promise<void> = async () => {};

  constructor(driver: DriverUnderTest, from?: number) {
    this.#driver = driver;
    this.#partition = partitionFor(driver, UPSTREAM);
    this.#from = from;
  }

  get records(): LogRecord[] {
    return this.batches.flat();
  }

  async assigned(partition: number): Promise<number> {
    const { first, next } = await this.#driver.reader.bounds(partition);
    if (partition !== this.#partition) return next;
    this.assignments++;
    await this.onAssigned();
    return this.#from ?? first;
  }

  async take(partition: number, records: readonly LogRecord[]): Promise<void> {
    if (partition !== this.#partition) throw new Error(`nothing was appended to partition ${partition}`);
    if (this.#taking > 0) this.overlaps++;
    this.#taking++;
    try {
      await this.onTake(records);
      this.batches.push(records);
    } finally {
      this.#taking--;
    }
  }

  async revoked(partition: number): Promise<void> {
    if (partition === this.#partition) this.revocations.push(this.records.length);
  }
}

async function run(driver: DriverUnderTest, recorder: Recorder): Promise<() => Promise<void>> {
  const stop = await driver.reader.run(recorder);
  onTestFinished(stop);
  return stop;
}

const idsOf = (records: readonly LogRecord[]): (string | undefined)[] =>
  records.map(({ entry }) => (entry.kind === 'outcome' ? entry.outcome.id : entry.kind));
const idsFromTo = (from: number, to: number): (string | undefined)[] => outcomes(from, to).map(({ id }) => id);

export function outcomeReaderContract(harness: Harness): void {
  describe('the reader', () => {
    test('delivers what was there and what comes, each record once and in order', async () => {
      const driver = await opened(harness);
      await driver.outcomes.append(outcomes(0, 2_500));
      const recorder = new Recorder(driver);
      await run(driver, recorder);
      for (let n = 2_500; n < 2_600; n += 10) {
        await driver.outcomes.append(outcomes(n, n + 10));
        if (n % 20 === 0) await turns();
      }
      await vi.waitFor(() => expect(recorder.records.length).toBeGreaterThanOrEqual(2_600), 10_000);
      expect(idsOf(recorder.records)).toEqual(idsFromTo(0, 2_600));
    });

    test('delivers exactly what `read` gives', async () => {
      const driver = await opened(harness);
      const partition = partitionFor(driver, UPSTREAM);
      await driver.outcomes.append(outcomes(0, 3));
      await driver.outcomes.appendMark(partition, { control: 1, hash: 'h' });
      await driver.appendRaw(partition, null, Buffer.from('?'));
      const recorder = new Recorder(driver);
      await run(driver, recorder);
      await vi.waitFor(() => expect(recorder.records).toHaveLength(5), 10_000);
      const { first } = await driver.reader.bounds(partition);
      expect(await driver.reader.read(partition, first, 100)).toEqual(recorder.records);
    });

    test('begins at the offset that `assigned` gave, in the middle of the log', async () => {
      const driver = await opened(harness);
      await driver.outcomes.append(outcomes(0, 10));
      const { next } = await driver.reader.bounds(partitionFor(driver, UPSTREAM));
      await driver.outcomes.append(outcomes(10, 15));
      const recorder = new Recorder(driver, next);
      await run(driver, recorder);
      await vi.waitFor(() => expect(recorder.records.length).toBeGreaterThanOrEqual(5), 10_000);
      expect(idsOf(recorder.records)).toEqual(idsFromTo(10, 15));
    });

    test('begins at an offset that is still to come', async () => {
      const driver = await opened(harness);
      await driver.outcomes.append(outcomes(0, 3));
      const { next } = await driver.reader.bounds(partitionFor(driver, UPSTREAM));
      const recorder = new Recorder(driver, next);
      await run(driver, recorder);
      await turns();
      await driver.outcomes.append(outcomes(3, 5));
      await vi.waitFor(() => expect(recorder.records.length).toBeGreaterThanOrEqual(2), 10_000);
      expect(idsOf(recorder.records)).toEqual(idsFromTo(3, 5));
    });

    test('gives no batch while one is being taken, however much comes', async () => {
      const driver = await opened(harness);
      const recorder = new Recorder(driver);
      await run(driver, recorder);
      for (let n = 0; n < 50; n++) {
        await driver.outcomes.append([outcome(n)]);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await vi.waitFor(() => expect(recorder.records).toHaveLength(50), 10_000);
      expect(recorder.overlaps).toBe(0);
      expect(recorder.batches.length).toBeGreaterThan(1);
    });

    test('gives a refused batch again, the same one, before anything behind it', async () => {
      const driver = await opened(harness);
      await driver.outcomes.append(outcomes(0, 3));
      const recorder = new Recorder(driver);
      const attempts: (string | undefined)[][] = [];
      recorder.onTake = async (records) => {
        attempts.push(idsOf(records));
        if (attempts.length > 2) return;
        await driver.outcomes.append([outcome(2 + attempts.length)]);
        throw new Error('the store is out of reach');
      };
      await run(driver, recorder);
      await vi.waitFor(() => expect(recorder.records.length).toBeGreaterThanOrEqual(5), 10_000);
      expect(attempts.slice(0, 3)).toEqual([attempts[0], attempts[0], attempts[0]]);
      expect(idsOf(recorder.records)).toEqual(idsFromTo(0, 5));
    });

    test('asks `assigned` again when it was refused, and gives nothing before it was not', async () => {
      const driver = await opened(harness);
      await driver.outcomes.append(outcomes(0, 2));
      const recorder = new Recorder(driver);
      recorder.onAssigned = async () => {
        expect(recorder.batches).toEqual([]);
        if (recorder.assignments < 3) throw new Error('the store is out of reach');
      };
      await run(driver, recorder);
      await vi.waitFor(() => expect(recorder.records).toHaveLength(2), 10_000);
      expect(recorder.assignments).toBe(3);
    });
  });

  stopContract(harness);
}

function stopContract(harness: Harness): void {
  describe('the reader, stopped,', () => {
    test('waits for the batch at hand, gives the partition up behind it, and delivers no more', async () => {
      const driver = await opened(harness);
      await driver.outcomes.append(outcomes(0, 3));
      const recorder = new Recorder(driver);
      let letGo = (): void => {};
      const taken = new Promise<void>((resolve) => (letGo = resolve));
      let taking = false;
      recorder.onTake = async () => {
        taking = true;
        await taken;
      };
      const stop = await run(driver, recorder);
      await vi.waitFor(() => expect(taking).toBe(true), 10_000);
      let stopped = false;
      const stopping = stop().then(() => (stopped = true));
      await driver.outcomes.append(outcomes(3, 6));
      await turns();
      expect(stopped).toBe(false);
      letGo();
      await stopping;
      const given = recorder.records.length;
      expect(recorder.revocations).toEqual([given]);

      // Whoever reads next gets the rest, and is how we know that it was there to be delivered.
      const next = new Recorder(driver);
      await run(driver, next);
      await vi.waitFor(() => expect(idsOf(next.records)).toEqual(idsFromTo(0, 6)), 10_000);
      expect(recorder.records).toHaveLength(given);
    });

    test('stops though its handler refuses every batch', async () => {
      const driver = await opened(harness);
      await driver.outcomes.append([outcome(0)]);
      const recorder = new Recorder(driver);
      let refusals = 0;
      recorder.onTake = async () => {
        refusals++;
        throw new Error('the store is out of reach');
      };
      const stop = await run(driver, recorder);
      await vi.waitFor(() => expect(refusals).toBeGreaterThan(0), 10_000);
      await stop();
      const refused = refusals;
      const next = new Recorder(driver);
      await run(driver, next);
      await vi.waitFor(() => expect(next.records).toHaveLength(1), 10_000);
      expect(refusals).toBe(refused);
    });

    test('stops when it has nothing to deliver, and a second time', async () => {
      const driver = await opened(harness);
      const recorder = new Recorder(driver);
      const stop = await run(driver, recorder);
      await stop();
      await stop();
      expect(recorder.batches).toEqual([]);
    });
  });
}

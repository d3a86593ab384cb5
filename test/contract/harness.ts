/**
 * What the contract suite needs of a driver. Each driver brings a `Harness`; `driverContract` states what it promises.
 * What a driver's technology can't be made to do is left out of its harness, and the claims that need it fall away.
 */
import { onTestFinished } from 'vitest';
import type { Drivers } from '#drivers';
import type { DeadLetter, LogRecord } from '#engine';
import { partitionOf } from '#wire';

export interface DriverUnderTest extends Drivers {
  /** Appends as a foreign producer would, to a partition of its choice. */
  appendRaw(partition: number, key: Uint8Array | null, value: Uint8Array | null): Promise<void>;
  /** Every dead letter so far. */
  letters(): Promise<readonly DeadLetter[]>;
  /** Ends it, and removes what it kept. */
  close(): Promise<void>;
}

export interface Harness {
  readonly name: string;
  /** A driver whose logs and store are its own and hold nothing. */
  open(): Promise<DriverUnderTest>;
  /** Ends the driver as kill -9 would, with no chance to finish anything. Gives one on what is left. */
  readonly crash?: (driver: DriverUnderTest) => Promise<DriverUnderTest>;
  /** Makes each commit fail at its very end, when all its writes are done. Gives the repair. */
  readonly breakCommits?: (driver: DriverUnderTest) => Promise<() => Promise<void>>;
  /** Sets the log's clock (T1), ms since 1970. */
  readonly setClock?: (driver: DriverUnderTest, nowMs: number) => void;
}

/** A driver for one test, closed at its end. */
export async function opened(harness: Harness): Promise<DriverUnderTest> {
  const driver = await harness.open();
  onTestFinished(() => driver.close());
  return driver;
}

/** The driver that comes after `driver` crashed, closed at the test's end. */
export async function afterCrash(harness: Required<Pick<Harness, 'crash'>>, driver: DriverUnderTest): Promise<DriverUnderTest> {
  const next = await harness.crash(driver);
  onTestFinished(() => next.close());
  return next;
}

/** The partition that an upstream belongs to (L2). */
export function partitionFor(driver: DriverUnderTest, upstream: string): number {
  return partitionOf(upstream, driver.partitions);
}

/** A whole partition, as `read` gives it. */
export async function readAll(driver: DriverUnderTest, partition: number): Promise<LogRecord[]> {
  const { first, next } = await driver.reader.bounds(partition);
  const records: LogRecord[] = [];
  let from = first;
  while (from < next) {
    const read = await driver.reader.read(partition, from, 100);
    const last = read.at(-1);
    if (last === undefined) break;
    records.push(...read);
    from = last.offset + 1;
  }
  return records;
}

/** Settles after everything that was waiting when it was called has had its turn, several times over. */
export async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

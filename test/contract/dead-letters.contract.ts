/** DeadLetters: what could not be read, byte for byte, with where it was found and why (L1). */
import { describe, expect, test } from 'vitest';
import type { DeadLetter } from '#engine';
import { afterCrash, opened, type Harness } from './harness.ts';

const ALL_BYTES = new Uint8Array(Array.from({ length: 256 }, (_, byte) => byte));
const LETTERS: DeadLetter[] = [
  { partition: 0, offset: 3, reason: 'the value is not JSON', key: new Uint8Array([1, 2]), value: ALL_BYTES },
  { partition: 0, offset: 4, reason: 'no value: "ü"', key: ALL_BYTES, value: null },
  { partition: 0, offset: 9, reason: 'empty', key: null, value: new Uint8Array() },
];

const plain = (letters: readonly DeadLetter[]): unknown[] =>
  letters.map(({ key, value, ...rest }) => ({ ...rest, key: key && [...key], value: value && [...value] })).toSorted((a, b) => a.offset - b.offset);

export function deadLettersContract(harness: Harness): void {
  describe('dead letters', () => {
    test('are kept byte for byte, with partition, offset and reason; null stays apart from empty', async () => {
      const driver = await opened(harness);
      await driver.deadLetters.append(LETTERS.slice(0, 1));
      await driver.deadLetters.append(LETTERS.slice(1));
      await driver.deadLetters.append([]);
      expect(plain(await driver.letters())).toEqual(plain(LETTERS));
    });

    test('are what the log said was dead', async () => {
      const driver = await opened(harness);
      await driver.appendRaw(0, ALL_BYTES, ALL_BYTES.slice(128));
      const { first } = await driver.reader.bounds(0);
      const [record] = await driver.reader.read(0, first, 1);
      if (record?.entry.kind !== 'dead') throw new Error('expected a dead record');
      const { kind: _, ...dead } = record.entry;
      await driver.deadLetters.append([{ ...dead, partition: 0, offset: record.offset }]);
      expect(plain(await driver.letters())).toEqual(plain([{ partition: 0, offset: record.offset, reason: dead.reason, key: ALL_BYTES, value: ALL_BYTES.slice(128) }]));
    });

    const { crash } = harness;
    if (crash === undefined) return;
    test('outlive a crash', async () => {
      const driver = await opened(harness);
      await driver.deadLetters.append(LETTERS);
      expect(plain(await (await afterCrash({ crash }, driver)).letters())).toEqual(plain(LETTERS));
    });
  });
}

import { expect, test } from 'vitest';
import { murmur2, partitionOf } from './partition.ts';

/** From Kafka's own UtilsTest.testMurmur2. */
const VECTORS: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
];

test.each(VECTORS)('L2: murmur2 of %s is what the Java client computes', (text, hash) => {
  expect(murmur2(Buffer.from(text))).toBe(hash);
});

test('L2: the partition is the hash without its sign, modulo the partitions', () => {
  expect(partitionOf('21', 12)).toBe((-973932308 & 0x7fffffff) % 12);
  expect(partitionOf('foobar', 7)).toBe((-790332482 & 0x7fffffff) % 7);
  expect(partitionOf('anything', 1)).toBe(0);
});

test('L2: a name outside ASCII is hashed by its UTF-8 bytes', () => {
  expect(partitionOf('bücher', 12)).toBe((murmur2(Buffer.from('bücher', 'utf8')) & 0x7fffffff) % 12);
});

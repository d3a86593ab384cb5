/** The vectors were packed by the libraries of those formats (cramjam 2.x), the frame with a content checksum. */
import { expect, test } from 'vitest';
import { unpackLz4 } from './lz4.ts';
import { unpackSnappy } from './snappy.ts';

const TEXT = Array.from({ length: 60 }, (_, n) => `{"v":1,"upstream":"u${n % 3}.test","status":${500 + (n % 9)}}\n`).join('');
const LZ4 = Buffer.from(
  'BCJNGFRArnEAAAD/G3sidiI6MSwidXBzdHJlYW0iOiJ1MC50ZXN0Iiwic3RhdHVzIjo1MDB9CioAAR4xKgAfMSoAAx4yKgA/Mn0KfgAUHzN+ABYfNH4AFh81fgAWHzZ+ABYfN34AFj84fQp6Af//////////TlA1MDV9CvddKxQAAAAAaQbPUw==',
  'base64',
);
const SNAPPY = Buffer.from(
  '2BOoeyJ2IjoxLCJ1cHN0cmVhbSI6InUwLnRlc3QiLCJzdGF0dXMiOjUwMH0Ke0oqAAAxRioABDF9UioAADJGKgAAMlYqAEp+AAAzVioASn4AADRWKgBKfgAANVYqAEp+AAA2VioASn4AADdWKgBKfgAAOFYqAEp+AP56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Af56Adp6AQ==',
  'base64',
);
/** As snappy-java frames it. */
const SNAPPY_JAVA = Buffer.concat([Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]), int32(SNAPPY.length), SNAPPY, int32(SNAPPY.length), SNAPPY]);

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

test('LZ4 and both kinds of Snappy unpack to what was packed', () => {
  expect(unpackLz4(LZ4, 10_000).toString()).toBe(TEXT);
  expect(unpackSnappy(SNAPPY, 10_000).toString()).toBe(TEXT);
  expect(unpackSnappy(SNAPPY_JAVA, 10_000).toString()).toBe(TEXT + TEXT);
});

test.each([
  ['LZ4', unpackLz4, LZ4],
  ['Snappy', unpackSnappy, SNAPPY],
])('%s that is cut, or has any byte changed, gives something or a RangeError, within its limit', (_, unpack, packed) => {
  const attempt = (bytes: Buffer): number => {
    try {
      return unpack(bytes, 5_000).length;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return 0;
    }
  };
  for (let at = 0; at < packed.length; at++) {
    expect(attempt(packed.subarray(0, at))).toBeLessThanOrEqual(5_000);
    for (const byte of [0, 0x7f, 0x80, 0xff]) {
      const changed = Buffer.from(packed);
      changed[at] = byte;
      expect(attempt(changed)).toBeLessThanOrEqual(5_000);
    }
  }
});

test('what is longer than the limit is refused', () => {
  expect(() => unpackLz4(LZ4, TEXT.length - 1)).toThrow(/longer than 2519 bytes/);
  expect(() => unpackSnappy(SNAPPY, TEXT.length - 1)).toThrow(/longer than 2519 bytes/);
});

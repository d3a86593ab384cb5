import fc from 'fast-check';
import { expect, it } from 'vitest';
import { CHUNK_IDS_MAX, ID_BYTES, IDS_MAX, packIds, unpackIds } from './id-chunks.ts';

const id = fc.record({ offset: fc.maxSafeNat(), hash: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) });

it('ids come out of chunks as they went in, 64 bits of hash and 53 of offset', async () => {
  await fc.assert(fc.asyncProperty(fc.array(id, { maxLength: 400 }), async (ids) => void expect(await unpackIds(packIds(ids))).toEqual(ids)));
});

it('no chunk is longer than its bound, and no more than the newest of a horizon are packed or unpacked', async () => {
  const ids = Array.from({ length: IDS_MAX + 300 }, (_, offset) => ({ offset, hash: BigInt(offset) }));
  const chunks = packIds(ids);
  expect(Math.max(...chunks.map(({ length }) => length))).toBe(CHUNK_IDS_MAX * ID_BYTES);
  expect(await unpackIds(chunks)).toEqual(ids.slice(300));
  expect(await unpackIds([...packIds(ids.slice(0, 300)), ...packIds(ids.slice(300))])).toEqual(ids.slice(300));
});

it('a chunk that was cut is refused', async () => {
  await expect(unpackIds([Buffer.alloc(17)])).rejects.toThrow('17 bytes');
});

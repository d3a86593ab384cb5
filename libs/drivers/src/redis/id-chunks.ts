/**
 * The remembered ids of a partition (K4) as Redis keeps them: a list of chunks, oldest first, each of up to
 * `CHUNK_IDS_MAX` ids of 16 bytes: offset, then hash, both unsigned and big-endian. A commit appends chunks on the right
 * and drops whole ones on the left, so it never touches what is in between.
 */
import type { RememberedId } from '#engine';
import { mapInSlices } from './slices.ts';

/** K4: the horizon. */
export const IDS_MAX = 65_536;
/** Bounds what a commit reads to know whether the oldest chunk may go. */
export const CHUNK_IDS_MAX = 128;
export const ID_BYTES = 16;

/** The newest `IDS_MAX` of them, in chunks. */
export function packIds(ids: readonly RememberedId[]): Buffer[] {
  const kept = ids.length <= IDS_MAX ? ids : ids.slice(-IDS_MAX);
  const bytes = Buffer.allocUnsafe(kept.length * ID_BYTES);
  // By a view: Buffer's own way through a BigInt is many times dearer, and these are half of what a commit writes.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  for (const { offset, hash } of kept) {
    view.setUint32(at, Math.floor(offset / 2 ** 32));
    view.setUint32(at + 4, offset % 2 ** 32);
    view.setBigUint64(at + 8, hash);
    at += ID_BYTES;
  }
  const chunks: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += CHUNK_IDS_MAX * ID_BYTES) chunks.push(bytes.subarray(from, from + CHUNK_IDS_MAX * ID_BYTES));
  return chunks;
}

/** The newest `IDS_MAX` of what is in the chunks, oldest first. */
export async function unpackIds(chunks: readonly Buffer[]): Promise<RememberedId[]> {
  const ids = (await mapInSlices(chunks, unpack)).flat();
  return ids.length <= IDS_MAX ? ids : ids.slice(-IDS_MAX);
}

function unpack(chunk: Buffer): RememberedId[] {
  if (chunk.length % ID_BYTES !== 0) throw new Error(`a chunk of ids has ${chunk.length} bytes, which is no multiple of ${ID_BYTES}`);
  const ids: RememberedId[] = [];
  for (let at = 0; at < chunk.length; at += ID_BYTES) {
    ids.push({ offset: chunk.readUInt32BE(at) * 2 ** 32 + chunk.readUInt32BE(at + 4), hash: chunk.readBigUInt64BE(at + 8) });
  }
  return ids;
}

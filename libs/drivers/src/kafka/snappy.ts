/** Snappy as Kafka producers send it: bare (librdkafka), or in the chunks of snappy-java. */
import { Unpacked } from './lz4.ts';

const JAVA_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]);
/** Magic and two versions. */
const JAVA_HEAD_BYTES = 16;

/** @throws {RangeError} it is damaged, or longer than `bytesMax` when unpacked */
export function unpackSnappy(packed: Buffer, bytesMax: number): Buffer {
  const out = new Unpacked(packed.length * 4, bytesMax);
  if (!packed.subarray(0, JAVA_MAGIC.length).equals(JAVA_MAGIC)) {
    unpackBlock(packed, out);
    return out.bytes();
  }
  for (let at = JAVA_HEAD_BYTES; at < packed.length; ) {
    const from = at + 4;
    at = from + packed.readUInt32BE(at);
    if (at > packed.length) throw new RangeError('it ends within a chunk');
    unpackBlock(packed.subarray(from, at), out);
  }
  return out.bytes();
}

function unpackBlock(block: Buffer, out: Unpacked): void {
  let at = 0;
  // The length when unpacked, as a varint; what follows says it again.
  while (block.readUInt8(at++) >= 128);
  while (at < block.length) {
    const tag = block.readUInt8(at++);
    const upper = tag >> 2;
    switch (tag & 3) {
      case 0: {
        // Up to 60 bytes by the tag itself, else by the 1 to 4 bytes behind it.
        const bytes = Math.max(0, upper - 59);
        const length = 1 + (bytes === 0 ? upper : block.readUIntLE(at, bytes));
        at += bytes;
        if (at + length > block.length) throw new RangeError('it ends within literals');
        out.take(block, at, (at += length));
        break;
      }
      case 1:
        out.repeat(((tag >> 5) << 8) | block.readUInt8(at++), 4 + (upper & 7));
        break;
      case 2:
        out.repeat(block.readUInt16LE(at), 1 + upper);
        at += 2;
        break;
      default:
        out.repeat(block.readUInt32LE(at), 1 + upper);
        at += 4;
    }
  }
}

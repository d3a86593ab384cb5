/** LZ4 as Kafka producers send it: one frame (lz4_Frame_format.md) of blocks, of which each may refer to those before it. */

const MAGIC = 0x184d2204;
const HAS_BLOCK_CHECKSUMS = 0x10;
const HAS_CONTENT_SIZE = 0x08;
const HAS_DICTIONARY = 0x01;
const IS_STORED = 0x80000000;
const MATCH_MIN = 4;

/** @throws {RangeError} it is damaged, or longer than `bytesMax` when unpacked */
export function unpackLz4(frame: Buffer, bytesMax: number): Buffer {
  if (frame.readUInt32LE(0) !== MAGIC) throw new RangeError('it is no LZ4 frame');
  const flags = frame.readUInt8(4);
  // Magic, flags, block size, then the optional fields, then the header's checksum.
  let at = 6 + ((flags & HAS_CONTENT_SIZE) === 0 ? 0 : 8) + ((flags & HAS_DICTIONARY) === 0 ? 0 : 4) + 1;
  const out = new Unpacked(frame.length * 4, bytesMax);
  for (;;) {
    const head = frame.readUInt32LE(at);
    if (head === 0) return out.bytes();
    const from = at + 4;
    const to = from + (head & ~IS_STORED);
    if (to > frame.length) throw new RangeError('it ends within a block');
    if ((head & IS_STORED) !== 0) out.take(frame, from, to);
    else unpackBlock(frame.subarray(from, to), out);
    at = to + ((flags & HAS_BLOCK_CHECKSUMS) === 0 ? 0 : 4);
  }
}

function unpackBlock(block: Buffer, out: Unpacked): void {
  let at = 0;
  const length = (short: number): number => {
    if (short < 15) return short;
    let sum = short;
    let byte: number;
    do {
      byte = block.readUInt8(at++);
      sum += byte;
    } while (byte === 255);
    return sum;
  };
  while (at < block.length) {
    const token = block.readUInt8(at++);
    const literals = length(token >> 4);
    if (at + literals > block.length) throw new RangeError('it ends within literals');
    out.take(block, at, (at += literals));
    // The last sequence has literals only.
    if (at === block.length) return;
    const distance = block.readUInt16LE(at);
    at += 2;
    out.repeat(distance, length(token & 15) + MATCH_MIN);
  }
}

/** What has been unpacked so far; grows as need be, up to a limit. */
export class Unpacked {
  #bytes: Buffer;
  #length = 0;
  readonly #bytesMax: number;

  constructor(bytesExpected: number, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#bytes = Buffer.allocUnsafe(Math.min(bytesExpected, bytesMax));
  }

  take(from: Buffer, start: number, end: number): void {
    this.#makeRoom(end - start);
    this.#length += from.copy(this.#bytes, this.#length, start, end);
  }

  /** Once more what stands `distance` back; it may reach into what it makes. */
  repeat(distance: number, length: number): void {
    if (distance === 0 || distance > this.#length) throw new RangeError('it refers to what is not there');
    this.#makeRoom(length);
    const end = this.#length + length;
    while (this.#length < end) {
      const from = this.#length - distance;
      this.#length += this.#bytes.copy(this.#bytes, this.#length, from, Math.min(this.#length, from + end - this.#length));
    }
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  #makeRoom(more: number): void {
    const needed = this.#length + more;
    if (needed > this.#bytesMax) throw new RangeError(`it is longer than ${this.#bytesMax} bytes when unpacked`);
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.min(Math.max(needed, this.#bytes.length * 2), this.#bytesMax));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** The bytes of a file or of standard input, unpacked where they are packed, with how much of it has been read. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Failure } from '../failure.ts';

const CHUNK_BYTES = 1_048_576;
const GZIP = [0x1f, 0x8b];

/** @param hear each chunk, good until it returns */
export async function readBytes(file: string, { hear, onRead = () => {} }: { readonly hear: (chunk: Buffer) => void; readonly onRead?: (bytes: number) => void }): Promise<void> {
  const stream = file === '-' ? process.stdin : createReadStream(file, { highWaterMark: CHUNK_BYTES });
  try {
    const unpacked = await unpackedOf(stream, onRead);
    for await (const chunk of unpacked) hear(chunk as Buffer);
  } catch (error) {
    if (!isOfReading(error)) throw error;
    throw new Failure(`${file === '-' ? 'standard input' : file} can't be read: ${(error as Error).message}`);
  }
}

/** The system's errors and the unpacker's have a code; what a hearer throws is its own. */
function isOfReading(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}

/** Packed or not is told by the first bytes, whatever the name says. */
async function unpackedOf(stream: Readable, onRead: (bytes: number) => void): Promise<AsyncIterable<unknown>> {
  const chunks = counted(stream, onRead);
  const first = await chunks.next();
  if (first.done) return chunks;
  const whole = joined(first.value, chunks);
  if (!GZIP.every((byte, index) => first.value[index] === byte)) return whole;
  // What goes wrong on the way, whoever reads it is told.
  return pipeline(whole, createGunzip({ chunkSize: CHUNK_BYTES }), () => {});
}

async function* counted(stream: Readable, onRead: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    onRead(chunk.length);
    yield chunk;
  }
}

async function* joined(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

/** Of all together; undefined: it can't be told before it is read. @throws {Failure} naming the one that is not there. */
export async function sizeOf(files: readonly string[]): Promise<number | undefined> {
  if (files.includes('-')) return undefined;
  const sizes = await Promise.all(
    files.map(async (file) => {
      const found = await stat(file).catch((error: Error) => error);
      if (found instanceof Error) throw new Failure(`${file} can't be read: ${found.message}`);
      if (found.isDirectory()) throw new Failure(`${file} is a directory; allowed: files, or - for standard input`);
      return found.isFile() ? found.size : undefined;
    }),
  );
  return sizes.every((size) => size !== undefined) ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
}

/**
 * What producers may compress by: everything that Kafka knows. kafkajs itself reads gzip only, and ends its consumer at
 * the first batch of another kind. Each is bounded, so that a small batch can't fill the memory.
 */
import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import { unpackLz4 } from './lz4.ts';
import { unpackSnappy } from './snappy.ts';

/** One record batch when unpacked. Producers batch up to 1 MiB by default. */
const UNPACKED_BYTES_MAX = 16 * 1024 * 1024;

/** A batch that nobody here can read; its records are passed over. */
export class UnreadableBatch extends Error {
  override readonly name = 'UnreadableBatch';
}

const BOUNDED = { maxOutputLength: UNPACKED_BYTES_MAX };
const unzip = promisify(gunzip);
const unpackZstd = promisify(zstdDecompress);
const { CompressionCodecs, CompressionTypes } = kafkajs;

reads(CompressionTypes.GZIP, 'gzip', (bytes) => unzip(bytes, BOUNDED));
reads(CompressionTypes.Snappy, 'snappy', async (bytes) => unpackSnappy(bytes, UNPACKED_BYTES_MAX));
reads(CompressionTypes.LZ4, 'lz4', async (bytes) => unpackLz4(bytes, UNPACKED_BYTES_MAX));
reads(CompressionTypes.ZSTD, 'zstd', (bytes) => unpackZstd(bytes, BOUNDED));

function reads(type: keyof typeof CompressionCodecs, name: string, unpack: (bytes: Buffer) => Promise<Buffer>): void {
  const shipped = CompressionCodecs[type];
  const decompress = async (bytes: Buffer): Promise<Buffer> => {
    try {
      return await unpack(bytes);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new UnreadableBatch(`a batch compressed by ${name} can't be read (${why}); let its producer send smaller batches, or uncompressed ones`);
    }
  };
  // Compressing stays as it was: nothing here does, but whoever shares kafkajs may.
  CompressionCodecs[type] = () => ({ compress: (encoder: unknown) => (shipped() as Compressor).compress(encoder), decompress });
}

interface Compressor {
  compress(encoder: unknown): Promise<Buffer>;
}

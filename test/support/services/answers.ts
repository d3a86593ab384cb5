/** Does a server really answer? An open port is not enough: Kafka opens its own before it knows a broker. */
import { Redis } from 'ioredis';
import { connect } from 'node:net';

/** How long one question may take, ms. */
const ANSWER_WITHIN_MS = 5_000;

/** Metadata of no topics: size, API key, version 1, correlation id, client id "?", number of topics. */
const METADATA_REQUEST = Buffer.from('0000000f 0003 0001 00000000 00013f 00000000'.replaceAll(' ', ''), 'hex');
/** Where the answer has the number of brokers: behind size and correlation id. */
const BROKERS_AT = 8;

/**
 * Resolves when one of the addresses answers as a Kafka that knows a broker, or as many as `min`.
 * @param brokers `host:port`, separated by commas.
 */
export async function kafkaAnswers(brokers: string, min = 1): Promise<void> {
  await Promise.any(brokers.split(',').map((address) => brokerAnswers(address.trim(), min))).catch(({ errors }: AggregateError) => {
    throw new Error((errors as Error[]).map(({ message }) => message).join('; '));
  });
}

function brokerAnswers(address: string, min: number): Promise<void> {
  const [, host = '', port = ''] = /^\[?(.+?)\]?:(\d+)$/.exec(address) ?? [];
  if (port === '') return Promise.reject(new Error(`"${address}" is no host:port`));
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0);
    const socket = connect({ host, port: Number(port) }, () => void socket.write(METADATA_REQUEST));
    socket.setTimeout(ANSWER_WITHIN_MS, () => socket.destroy(new Error(`${address} did not answer in ${ANSWER_WITHIN_MS} ms`)));
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < BROKERS_AT + 4) return;
      if (answer.readInt32BE(BROKERS_AT) >= min) resolve();
      socket.destroy();
    });
    socket.once('error', reject).once('close', () => reject(new Error(`${address} knows no broker, or fewer than ${min}`)));
  });
}

/** Resolves when the Redis of this URL answers PING. */
export async function redisAnswers(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, connectTimeout: ANSWER_WITHIN_MS, commandTimeout: ANSWER_WITHIN_MS });
  let failure: Error | undefined;
  redis.on('error', (error: Error) => void (failure = error));
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    throw failure ?? error;
  } finally {
    redis.disconnect();
  }
}

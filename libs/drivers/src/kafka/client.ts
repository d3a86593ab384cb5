/**
 * One kafkajs client with limits set, and the sockets that it opened: kafkajs has no way to end a connection whose peer
 * has gone silent (its `disconnect` waits for the answer), so they are ended here.
 */
import { isIPv6, type Socket } from 'node:net';
import kafkajs, { type ISocketFactory, type Kafka, type RetryOptions } from 'kafkajs';
import Cluster from 'kafkajs/src/cluster/index.js';
import type { Address } from '#runtime/reach';
import type { Security } from './security.ts';
import './codecs.ts';
import './request-queue.ts';

/** Until a broker has taken a connection, ms. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Until a broker has answered a request, beyond what the request itself waits for, ms. */
const REQUEST_TIMEOUT_MS = 4_000;
const METADATA_AGE_MAX_MS = 30_000;
/** kafkajs's own tries; those who use it try again for as long as it takes. */
const RETRY: RetryOptions = { retries: 3, initialRetryTime: 50, maxRetryTime: 500, factor: 0.2, multiplier: 2 };

export interface ClientOptions {
  readonly brokers: readonly Address[];
  /** This process, as the brokers' logs and group tools name it. */
  readonly instance: string;
  readonly security: Security;
}

export class Client {
  readonly kafka: Kafka;
  readonly #options: ClientOptions;
  readonly #retry: RetryOptions;
  readonly #sockets = new Set<Socket>();
  #destroyed = false;

  constructor(options: ClientOptions) {
    this.#options = options;
    // Each try takes the next of the brokers.
    this.#retry = { ...RETRY, retries: Math.max(RETRY.retries ?? 0, options.brokers.length) };
    const logCreator = () => () => {};
    this.kafka = new kafkajs.Kafka({ ...this.#common(), connectionTimeout: CONNECT_TIMEOUT_MS, logLevel: kafkajs.logLevel.NOTHING, logCreator });
  }

  /** Fetches by partition and offset, with no consumer group: what kafkajs has inside and doesn't offer. */
  cluster(): Cluster {
    return new Cluster({
      ...this.#common(),
      logger: this.kafka.logger(),
      connectionTimeout: CONNECT_TIMEOUT_MS,
      metadataMaxAge: METADATA_AGE_MAX_MS,
      allowAutoTopicCreation: false,
      isolationLevel: 0,
    });
  }

  /** Ends every connection at once; whoever waits for an answer gets an error. */
  destroy(): void {
    this.#destroyed = true;
    for (const socket of this.#sockets) socket.destroy(new Error('the connection was given up'));
  }

  #common() {
    const { brokers, instance, security } = this.#options;
    const { sasl } = security;
    return {
      clientId: instance,
      brokers: brokers.map(seedOf),
      socketFactory: this.#open,
      requestTimeout: REQUEST_TIMEOUT_MS,
      enforceRequestTimeout: true,
      retry: this.#retry,
      ...(sasl && { sasl }),
    };
  }

  readonly #open: ISocketFactory = ({ host, port, onConnect }) => {
    const socket = this.#options.security.connect({ host: hostOf(host), port }, onConnect);
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    if (this.#destroyed) queueMicrotask(() => socket.destroy(new Error('the connection was given up')));
    return socket;
  };
}

/** kafkajs splits a seed at its first colon, which an IPv6 address is full of. */
function seedOf({ host, port }: Address): string {
  return `${isIPv6(host) ? host.replaceAll(':', '|') : host}:${port}`;
}

function hostOf(seedHost: string): string {
  return seedHost.replaceAll('|', ':');
}

/** What of kafkajs 2.2.4 is used from below its public surface, as far as it is. */
declare module 'kafkajs/src/cluster/index.js' {
  import type { ISocketFactory, KafkaMessage, Logger, RetryOptions, SASLOptions } from 'kafkajs';

  export interface ClusterOptions {
    readonly logger: Logger;
    readonly socketFactory: ISocketFactory;
    readonly brokers: readonly string[];
    readonly clientId: string;
    readonly sasl?: SASLOptions;
    readonly connectionTimeout: number;
    readonly requestTimeout: number;
    readonly enforceRequestTimeout: boolean;
    readonly metadataMaxAge: number;
    readonly retry: RetryOptions;
    readonly allowAutoTopicCreation: boolean;
    /** Of `fetchTopicsOffset` only; 0: up to the last record, committed or not. */
    readonly isolationLevel: 0 | 1;
  }

  export interface FetchRequest {
    readonly maxWaitTime: number;
    readonly minBytes: number;
    readonly maxBytes: number;
    readonly isolationLevel: 0 | 1;
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }[];
    }[];
  }

  /** Opaque. */
  export interface FetchDefinitions {
    readonly versions: readonly string[];
  }

  export interface FetchResponse {
    readonly responses: readonly {
      readonly partitions: readonly { readonly partition: number; readonly highWatermark: string; readonly messages: readonly FetchedMessage[] }[];
    }[];
  }

  export interface BatchContext {
    readonly magicByte: number;
    readonly firstOffset: string;
    readonly lastOffsetDelta: number;
    readonly firstTimestamp: string;
    readonly maxTimestamp: string;
    /** 1: append time, which is the last one's for all. */
    readonly timestampType: number;
    readonly isControlBatch: boolean;
  }

  /** Of topics older than Kafka 0.11 they have no batch. */
  export type FetchedMessage = KafkaMessage & { readonly isControlRecord?: boolean; readonly batchContext?: BatchContext };

  /** A request, and how its answer is read. */
  export interface ProtocolRequest<Answer> {
    readonly request: { readonly apiVersion: number };
    readonly response: {
      readonly decode: (payload: Buffer) => Promise<Answer>;
      /** Throws what the answer says went wrong. */
      readonly parse: <T>(answer: T) => Promise<T>;
    };
  }

  export interface Broker {
    readonly connectionPool: { send<Answer>(request: ProtocolRequest<Answer>): Promise<Answer> };
    /** Of the newest version that both sides know. */
    lookupRequest(apiKey: number, definitions: FetchDefinitions): (request: FetchRequest) => ProtocolRequest<unknown>;
    findGroupCoordinator(request: { groupId: string; coordinatorType: 0 }): Promise<unknown>;
    fetch(request: FetchRequest): Promise<FetchResponse>;
    offsetFetch(request: { groupId: string; topics: { topic: string; partitions: { partition: number }[] }[] }): Promise<{
      responses: { partitions: { partition: number; offset: string }[] }[];
    }>;
  }

  export default class Cluster {
    constructor(options: ClusterOptions);
    connect(): Promise<void>;
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
    refreshMetadata(): Promise<void>;
    refreshMetadataIfNecessary(): Promise<void>;
    findTopicPartitionMetadata(topic: string): { readonly partitionId: number; readonly leader: number }[];
    /** Partitions by node id. */
    findLeaderForPartitions(topic: string, partitions: readonly number[]): Readonly<Record<string, readonly number[]>>;
    findBroker(node: { readonly nodeId: string }): Promise<Broker>;
    findGroupCoordinator(group: { readonly groupId: string }): Promise<Broker>;
    fetchTopicsOffset(
      topics: readonly { readonly topic: string; readonly fromBeginning: boolean; readonly partitions: readonly { readonly partition: number }[] }[],
    ): Promise<{ readonly partitions: readonly { readonly partition: number; readonly offset: string }[] }[]>;
  }
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  export default class RequestQueue {
    readonly pending: readonly unknown[];
    scheduleCheckPendingRequests(): void;
  }
}

declare module 'kafkajs/src/protocol/decoder.js' {
  export default class Decoder {
    readonly buffer: Buffer;
    offset: number;
    constructor(buffer: Buffer);
    forward(bytes: number): void;
    readInt16(): number;
    readInt32(): number;
    readInt64(): bigint;
    readString(): string | null;
    readBytes(): Buffer | null;
    readArray<T>(read: (decoder: Decoder) => T): T[];
    readArrayAsync<T>(read: (decoder: Decoder) => Promise<T>): Promise<T[]>;
  }
}

declare module 'kafkajs/src/protocol/message/compression/index.js' {
  const compression: { lookupCodecByAttributes(attributes: number): { decompress(bytes: Buffer): Promise<Buffer> } | null };
  export default compression;
}

declare module 'kafkajs/src/protocol/requests/apiKeys.js' {
  const apiKeys: { readonly Fetch: number };
  export default apiKeys;
}

declare module 'kafkajs/src/protocol/requests/index.js' {
  import type { FetchDefinitions } from 'kafkajs/src/cluster/index.js';

  const index: { readonly requests: { readonly Fetch: FetchDefinitions } };
  export default index;
}

declare module 'kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js' {
  import type { FetchedMessage } from 'kafkajs/src/cluster/index.js';
  import type Decoder from 'kafkajs/src/protocol/decoder.js';

  /** Of a size, and as many bytes. */
  export default function decodeMessages(decoder: Decoder): Promise<FetchedMessage[]>;
}

declare module 'kafkajs/src/protocol/recordBatch/record/v0/decoder.js' {
  import type { BatchContext, FetchedMessage } from 'kafkajs/src/cluster/index.js';
  import type Decoder from 'kafkajs/src/protocol/decoder.js';

  export default function decodeRecord(decoder: Decoder, context: BatchContext): FetchedMessage;
}

/** The two classes of kafkajs 2.2.4 that are used from below its public surface, as far as they are. */
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

  export interface FetchResponse {
    readonly responses: readonly {
      readonly partitions: readonly { readonly partition: number; readonly highWatermark: string; readonly messages: readonly FetchedMessage[] }[];
    }[];
  }

  export type FetchedMessage = KafkaMessage & { readonly isControlRecord: boolean; readonly batchContext: { readonly firstOffset: string; readonly lastOffsetDelta: number } };

  export interface Broker {
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

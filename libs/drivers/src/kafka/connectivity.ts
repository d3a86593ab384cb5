/**
 * Is Kafka in reach? Several connections find out by themselves; it is when none of them has trouble. Told on to whoever
 * opened the driver, as often as it is found out.
 */
import type { Reach } from '../drivers.ts';

export class Connectivity {
  readonly #reach: Reach;
  readonly #troubled = new Set<string>();
  #closed = false;

  constructor(reach: Reach) {
    this.#reach = reach;
  }

  get isReached(): boolean {
    return this.#troubled.size === 0;
  }

  /** @param connection which one it is, for as long as it isn't told otherwise */
  failed(connection: string, error: unknown): void {
    if (this.#closed) return;
    this.#troubled.add(connection);
    this.#reach.failed(error);
  }

  reached(connection: string): void {
    this.#troubled.delete(connection);
    if (this.isReached && !this.#closed) this.#reach.reached();
  }

  /** This connection is not in use any more. */
  gone(connection: string): void {
    this.#troubled.delete(connection);
  }

  close(): void {
    this.#closed = true;
  }
}

/** Refusals that last until a person acts, so that trying again helps nobody before. Everything else may pass. */
const LASTING = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_SESSION_TIMEOUT',
  'INCONSISTENT_GROUP_PROTOCOL',
  'INVALID_GROUP_ID',
  'UNSUPPORTED_VERSION',
  'INVALID_REQUEST',
]);

/** Kafka answered, and what it said stays so. */
export function isLasting(error: unknown): boolean {
  return LASTING.has(typeOf(error));
}

/** The broker's own word for what is wrong, wherever kafkajs wrapped it; `''`: it is none of a broker's. */
export function typeOf(error: unknown): string {
  for (let each = error, depth = 0; each instanceof Error && depth < 8; each = each.cause, depth++) {
    if ('type' in each && typeof each.type === 'string') return each.type;
  }
  return '';
}

/** Does the error say that what was asked reached nobody, or the wrong broker? Then others may have been hit by it too. */
export function isOutOfReach(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'TimedOut' || OUT_OF_REACH.has(error.name)) return true;
  if ('type' in error) return 'retriable' in error && error.retriable === true;
  return error.name === 'KafkaJSNumberOfRetriesExceeded' || (error.name.startsWith('KafkaJS') && isOutOfReach(error.cause));
}

const OUT_OF_REACH = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSLockTimeout',
]);

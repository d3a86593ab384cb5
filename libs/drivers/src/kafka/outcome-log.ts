/** Where reporters write outcomes and owners marks: topic `outcomes`, key = upstream (L1, L2). */
import type { Mark, MisplacedRecord, Outcome, OutcomeLog } from '#engine';
import { encodeMark, encodeOutcome, partitionOf, withId } from '#wire';
import type { Appender, Draft } from './appender.ts';
import { SENT_ON } from './record.ts';

export interface OutcomeLogOptions {
  readonly topic: string;
  readonly partitions: number;
  readonly appender: Appender;
  /** Settles when the topics were made sure of; rejects when that takes too long. */
  readonly ready: () => Promise<void>;
}

export class KafkaOutcomeLog implements OutcomeLog {
  readonly #options: OutcomeLogOptions;

  constructor(options: OutcomeLogOptions) {
    this.#options = options;
  }

  async append(outcomes: readonly Outcome[]): Promise<readonly number[]> {
    await this.#options.ready();
    const drafts = outcomes.map((outcome) => this.#draft(outcome.upstream, encodeOutcome(outcome)));
    return (await this.#options.appender.append(drafts)).map(({ appendMs }) => appendMs);
  }

  async appendMark(partition: number, mark: Mark): Promise<void> {
    const { topic, appender, ready } = this.#options;
    await ready();
    await appender.append([{ topic, partition, key: null, value: Buffer.from(encodeMark(mark)) }]);
  }

  async sendOn(records: readonly MisplacedRecord[]): Promise<void> {
    await this.#options.ready();
    const drafts = records.map(({ upstream, value, partition, offset }): Draft => {
      const place = `${partition}@${offset}`;
      return { ...this.#draft(upstream, withId(value, place)), headers: { [SENT_ON]: place } };
    });
    await this.#options.appender.append(drafts);
  }

  #draft(upstream: string, value: Uint8Array): Draft {
    const { topic, partitions } = this.#options;
    return { topic, partition: partitionOf(upstream, partitions), key: Buffer.from(upstream), value: asBuffer(value) };
  }
}

/** The same bytes. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

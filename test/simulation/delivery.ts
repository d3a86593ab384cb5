/** One partition in a simulated member's hands: claimed, then fetched and handed over, as the Kafka driver does (libs/drivers/src/kafka/delivery.ts). */
import type { LogRecord, PartitionHandler } from '#engine';
import { LogWatch, type LogLook } from '../../libs/drivers/src/kafka/log-watch.ts';
import type { Process } from './process.ts';
import { OutOfRange, type PartitionLog } from './outcome-topic.ts';

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;
const CLAIM_AGAIN_MS = 200;

export interface DeliveryOptions {
  readonly process: Process;
  readonly partition: number;
  readonly handler: PartitionHandler;
  /** The one who had it before us in this process, still at its last batch. */
  readonly before: Promise<void> | undefined;
  /** The log under the partition's name. */
  readonly log: () => PartitionLog;
  readonly look: LogLook;
  /** What there is from there on, when there is something. Rejects with OutOfRange. */
  readonly fetch: (from: number) => Promise<readonly LogRecord[]>;
  readonly onTaken: (taken: { next: number; log: PartitionLog }) => void;
  /** Something failed that is tried again. */
  readonly onError: (error: unknown) => void;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly ended: Promise<void>;
  readonly #watch: LogWatch;
  #isStopping = false;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.#watch = new LogWatch(options.look);
    this.ended = this.#run();
  }

  stop(): void {
    this.#isStopping = true;
  }

  async #run(): Promise<void> {
    const { process, partition, handler, log, before } = this.#options;
    await before;
    while (!this.#isStopping) {
      let from: number | undefined;
      const begunWith = await this.#persist(async () => {
        const now = log();
        await this.#watch.begin();
        from = await handler.assigned(partition);
        return now;
      });
      if (from !== undefined && begunWith !== undefined) await this.#deliver(from, begunWith);
      if (from !== undefined) await handler.revoked(partition);
      if (!this.#isStopping) await process.sleep(CLAIM_AGAIN_MS);
    }
  }

  /** Until it is stopped, or the log has nothing at the position: it was cut, or is another one. */
  async #deliver(from: number, begunWith: PartitionLog): Promise<void> {
    const { partition, handler, fetch, onTaken, onError, process } = this.#options;
    for (let next = from; !this.#isStopping; ) {
      let records: readonly LogRecord[];
      try {
        records = await fetch(next);
      } catch (error) {
        if (error instanceof OutOfRange) return;
        onError(error);
        await process.sleep(RETRY_FIRST_MS);
        continue;
      }
      const last = records.at(-1);
      this.#watch.answered(last);
      if (last === undefined) continue;
      if (this.#watch.isDoubted && (await this.#persist(async () => await this.#watch.isSame())) !== true) return;
      const isTaken = await this.#persist(async () => {
        await handler.take(partition, records);
        return true;
      });
      if (isTaken !== true) return;
      next = last.offset + 1;
      onTaken({ next, log: begunWith });
    }
  }

  async #persist<T>(action: () => Promise<T>): Promise<T | undefined> {
    for (let waitMs = RETRY_FIRST_MS; !this.#isStopping; waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)) {
      try {
        return await action();
      } catch (error) {
        this.#options.onError(error);
      }
      await this.#options.process.sleep(waitMs);
    }
    return undefined;
  }
}

/**
 * When a partition's checkpoint is written: each so many records, and after so long though none came, so that one never
 * grows older than the log that it stands for. Beside the commits, never in their way; one at a time.
 */
import type { Checkpoint, CheckpointLog } from './ports.ts';

/** Of a partition that was taken over, ms: whoever had it before may have written none for long. */
const FIRST_AFTER_MS = 60_000;
/** At the latest, ms: 28 in the seven days that outcomes are kept. */
const EACH_MS = 6 * 3_600_000;
/** After a failure, ms. */
const AGAIN_AFTER_MS = 10_000;

export interface CheckpointerOptions {
  /** Offsets between two checkpoints of a partition, > 0. */
  readonly recordsEach: number;
  /** One could not be written, and is tried again later. */
  onError(partition: number, error: unknown): void;
}

interface Offer {
  readonly partition: number;
  /** How far it is folded. */
  readonly next: number;
  /** Undefined: not now. */
  readonly take: () => Checkpoint | undefined;
}

export class Checkpointer {
  readonly #log: CheckpointLog;
  readonly #options: CheckpointerOptions;
  /** By partition. */
  readonly #due = new Map<number, { readonly next: number; readonly atMs: number }>();
  #isWriting = false;

  constructor(log: CheckpointLog, options: CheckpointerOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** To be called often; writes in the background when one is due. */
  offer(nowMs: number, { partition, next, take }: Offer): void {
    const due = this.#due.get(partition);
    const dueNext = next + this.#options.recordsEach;
    if (due === undefined) return void this.#due.set(partition, { next: dueNext, atMs: nowMs + FIRST_AFTER_MS });
    if (this.#isWriting || (next < due.next && nowMs < due.atMs)) return;
    const checkpoint = take();
    if (checkpoint === undefined) return;
    this.#due.set(partition, { next: dueNext, atMs: nowMs + EACH_MS });
    void this.#write(checkpoint, nowMs);
  }

  async #write(checkpoint: Checkpoint, nowMs: number): Promise<void> {
    const { partition } = checkpoint;
    this.#isWriting = true;
    try {
      await this.#log.append(checkpoint);
    } catch (error) {
      this.#due.set(partition, { next: Infinity, atMs: nowMs + AGAIN_AFTER_MS });
      this.#options.onError(partition, error);
    } finally {
      this.#isWriting = false;
    }
  }
}

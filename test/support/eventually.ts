/** Waiting for a condition, and not for a time. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** What is waited for, for the message when it doesn't come. */
  readonly what: string;
  /** ms; default 15,000: far beyond what anything here takes, so only a hang ends here. */
  readonly deadlineMs?: number;
  /** ms between two looks; default 20, and 100 where it takes longer than a second. */
  readonly everyMs?: number;
}

/** Until then it is looked often. Many looks are requests to the very processes that are waited for, ms. */
const SOON_MS = 1_000;

/**
 * The first value of `look` that isn't undefined.
 * @throws Error naming what didn't come, with the last error that `look` threw, if it did.
 */
export async function eventually<T>(look: () => T | undefined | Promise<T | undefined>, options: EventuallyOptions): Promise<T> {
  const { what, deadlineMs = 15_000, everyMs } = options;
  const beganMs = performance.now();
  let failure: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
      failure = undefined;
    } catch (error) {
      failure = error;
    }
    const waitedMs = performance.now() - beganMs;
    if (waitedMs > deadlineMs) throw new Error(`waited ${deadlineMs} ms for ${what}`, failure === undefined ? {} : { cause: failure });
    await sleep(everyMs ?? (waitedMs < SOON_MS ? 20 : 100));
  }
}

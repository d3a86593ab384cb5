/** Trying again for as long as it takes, with a wait that grows to a bound. */
import { setTimeout } from 'node:timers/promises';

export interface PersistOptions {
  /** Ends the trying; `persist` then gives undefined. */
  readonly signal: AbortSignal;
  /** Told of each failure, and how long until the next try, ms. */
  readonly onFailure: (error: unknown, waitMs: number) => void;
  /** Wait after the first failure, doubled each time, ms; default 100. */
  readonly waitFirstMs?: number;
  /** Default 5,000. */
  readonly waitMaxMs?: number;
}

/** The first result of `action` that is no failure. */
export async function persist<T>(action: () => Promise<T>, options: PersistOptions): Promise<T | undefined> {
  const { signal, onFailure, waitFirstMs = 100, waitMaxMs = 5_000 } = options;
  for (let waitMs = waitFirstMs; !signal.aborted; waitMs = Math.min(waitMs * 2, waitMaxMs)) {
    try {
      return await action();
    } catch (error) {
      onFailure(error, waitMs);
    }
    await setTimeout(waitMs, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

/** A feed followed for as long as a process lives: begun again, after longer and longer pauses, while it can't be. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stop } from '#engine';

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 5_000;

/**
 * Returns at once. A `follow` that stays pending goes on by itself, and is stopped when it settles after the end.
 *
 * @param onFailed told each time that following could not begin, with the pause before the next try.
 */
export function keepFollowing(follow: () => Promise<Stop>, onFailed: (error: unknown, waitMs: number) => void): Stop {
  const stopped = new AbortController();
  const { signal } = stopped;
  let stop: Stop | undefined;
  const run = async (): Promise<void> => {
    for (let waitMs = RETRY_FIRST_MS; !signal.aborted; waitMs = Math.min(RETRY_MAX_MS, waitMs * 2)) {
      try {
        const end = await follow();
        if (signal.aborted) await end();
        else stop = end;
        return;
      } catch (error) {
        if (signal.aborted) return;
        onFailed(error, waitMs);
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  };
  void run();
  return async () => {
    stopped.abort();
    await stop?.();
  };
}

/** A feed followed for as long as a process lives: begun again, after longer and longer pauses, while it can't be. */
import type { Stop } from '#engine';
import { persist, type PersistOptions } from './persist.ts';

/**
 * Returns at once. A `follow` that stays pending goes on by itself, and is stopped when it settles after the end.
 *
 * @param onFailed told each time that following could not begin, with the pause before the next try.
 */
export function keepFollowing(follow: () => Promise<Stop>, onFailed: PersistOptions['onFailure']): Stop {
  const stopped = new AbortController();
  const { signal } = stopped;
  let stop: Stop | undefined;
  const onFailure: PersistOptions['onFailure'] = (error, waitMs) => {
    if (!signal.aborted) onFailed(error, waitMs);
  };
  void persist(follow, { signal, onFailure }).then(async (end) => {
    if (signal.aborted) await end?.();
    else stop = end;
  });
  return async () => {
    stopped.abort();
    await stop?.();
  };
}

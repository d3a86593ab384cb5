/** A feed followed for as long as a process lives: begun again, after longer and longer pauses, while it can't be. */
import type { Stop } from '#engine';
import type { Condition } from './health.ts';
import type { Logger } from './logger.ts';
import { persist } from './persist.ts';

export interface Following {
  /** For people: "the states". */
  readonly what: string;
  /** Is not ready for as long as following can't begin; whoever listens says when it is. */
  readonly condition: Pick<Condition, 'notReady'>;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Returns at once. A `follow` that stays pending goes on by itself, and is stopped when it settles after the end. */
export function keepFollowing(follow: () => Promise<Stop>, { what, condition, logger }: Following): Stop {
  const stopped = new AbortController();
  const { signal } = stopped;
  let stop: Stop | undefined;
  const onFailure = (error: unknown, waitMs: number): void => {
    if (signal.aborted) return;
    condition.notReady(`${what} can't be read: ${(error as Error).message}`);
    logger.warn({ err: error }, `${what} can't be read; trying again in ${waitMs} ms`);
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

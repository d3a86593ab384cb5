import { describe, expect, it } from 'vitest';
import { persist } from './persist.ts';

function failing(times: number) {
  const waits: number[] = [];
  let tries = 0;
  const action = async (): Promise<string> => {
    if (tries++ < times) throw new Error(`failure ${tries}`);
    return 'done';
  };
  return { action, waits, onFailure: (_: unknown, waitMs: number) => void waits.push(waitMs) };
}

describe('persisting', () => {
  it('gives the first result that is no failure, waiting twice as long each time up to a bound', async () => {
    const { action, waits, onFailure } = failing(4);
    expect(await persist(action, { signal: new AbortController().signal, onFailure, waitFirstMs: 1, waitMaxMs: 4 })).toBe('done');
    expect(waits).toEqual([1, 2, 4, 4]);
  });

  it('ends in the middle of a wait when it is told to', async () => {
    const { action } = failing(Infinity);
    const stopping = new AbortController();
    const trying = persist(action, { signal: stopping.signal, onFailure: () => setImmediate(() => stopping.abort()), waitFirstMs: 3_600_000 });
    expect(await trying).toBeUndefined();
  });
});

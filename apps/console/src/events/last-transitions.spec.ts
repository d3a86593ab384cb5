import { describe, expect, it } from 'vitest';
import type { Snapshot, Transition, TransitionLog } from '#engine';
import { LastTransitions } from './last-transitions.ts';

const of = (upstream: string, generation: number): Transition & Snapshot => ({ upstream, incarnation: 1, generation }) as unknown as Transition & Snapshot;

/** A history of these, oldest first, of which the newest two are given at once. */
function stage(...history: readonly Transition[]) {
  const news: string[] = [];
  let tell: (transition: Transition) => void = () => undefined;
  const log: TransitionLog = {
    append: () => Promise.reject(new Error('nobody appends here')),
    follow: async (listener) => ((tell = listener), async () => undefined),
    list: async ({ upstream }) => ({ transitions: history.filter((each) => upstream === undefined || each.upstream === upstream).slice(upstream === undefined ? -2 : -1).toReversed() }),
  };
  return { last: new LastTransitions(log, (upstream) => void news.push(upstream)), news, tell: (transition: Transition) => tell(transition) };
}

describe('why a breaker is as it is', () => {
  it('is its newest transition, and of a state that another one began it is not known', async () => {
    const { last, news, tell } = stage(of('a', 2), of('b', 4));
    await last.follow(() => []);
    expect([last.of(of('b', 4))?.generation, last.of(of('b', 5)), last.of(of('b', 3))]).toEqual([4, undefined, undefined]);
    for (const generation of [5, 3]) tell(of('b', generation));
    expect([last.of(of('b', 5))?.generation, news]).toEqual([5, ['b', 'a', 'b']]);
  });

  it('is looked up of what is open and changed longer ago than the newest that are read', async () => {
    const { last } = stage(of('old', 7), of('quiet', 3), of('a', 2), of('b', 4));
    await last.follow(() => ['old', 'b']);
    expect([last.of(of('old', 7))?.generation, last.of(of('quiet', 3))]).toEqual([7, undefined]);
  });
});

/** TransitionLog: history, newest first, each transition once (L1, G1). */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Transition, TransitionQuery } from '#engine';
import { afterCrash, opened, type DriverUnderTest, type Harness } from './harness.ts';
import { transition } from './samples.ts';

const history = (from: number, to: number, upstream = 'a.test'): Transition[] =>
  Array.from({ length: to - from }, (_, index) => transition(upstream, from + index));

/** All pages, one after the other. */
async function listAll(driver: DriverUnderTest, query: TransitionQuery): Promise<Transition[][]> {
  const pages: Transition[][] = [];
  let pageToken = query.pageToken;
  for (let page = 0; page < 100; page++) {
    const { transitions, nextPageToken } = await driver.transitions.list({ ...query, ...(pageToken === undefined ? {} : { pageToken }) });
    pages.push([...transitions]);
    if (nextPageToken === undefined) break;
    pageToken = nextPageToken;
  }
  return pages;
}

async function follow(driver: DriverUnderTest): Promise<Transition[]> {
  const heard: Transition[] = [];
  onTestFinished(await driver.transitions.follow((each) => heard.push(each)));
  return heard;
}

export function transitionLogContract(harness: Harness): void {
  describe('the transitions log', () => {
    test('gives back every kind of transition whole', async () => {
      const driver = await opened(harness);
      const { policy: _, openUntilMs: __, ...bare } = transition('a.test', 4, { cause: { kind: 'policy', author: 'ann', controlOffset: 7 }, window: { total: 0, errors: 0, slow: 0 } });
      const kinds = [...history(1, 3), transition('a.test', 3, { cause: { kind: 'override', author: 'ann', controlOffset: 3 } }), bare];
      await driver.transitions.append(kinds);
      expect((await driver.transitions.list({ limit: 10 })).transitions).toEqual(kinds.toReversed());
    });

    test('is empty at first, and takes an append of nothing', async () => {
      const driver = await opened(harness);
      await driver.transitions.append([]);
      expect(await driver.transitions.list({ limit: 10 })).toEqual({ transitions: [] });
    });

    test('lists newest first, of one upstream or of all', async () => {
      const driver = await opened(harness);
      await driver.transitions.append([...history(1, 3, 'a.test'), ...history(3, 4, 'b.test')]);
      await driver.transitions.append([...history(4, 6, 'a.test'), ...history(6, 7, 'c.test')]);
      const generations = async (upstream?: string): Promise<number[]> =>
        (await driver.transitions.list({ limit: 10, ...(upstream === undefined ? {} : { upstream }) })).transitions.map(({ generation }) => generation);
      expect(await generations()).toEqual([6, 5, 4, 3, 2, 1]);
      expect(await generations('a.test')).toEqual([5, 4, 2, 1]);
      expect(await generations('b.test')).toEqual([3]);
      expect(await generations('x.test')).toEqual([]);
    });

    test.each([1, 3, 7, 20, 21])('gives each transition once in pages of %i, and no token behind the last', async (limit) => {
      const driver = await opened(harness);
      await driver.transitions.append(history(0, 20, 'a.test').flatMap((each, index) => [each, transition('b.test', index)]));
      for (const upstream of ['a.test', 'b.test']) {
        const pages = await listAll(driver, { upstream, limit });
        expect(pages.flat()).toEqual(history(0, 20, upstream).toReversed());
        expect(pages.map(({ length }) => length)).toEqual(Array.from({ length: Math.ceil(20 / limit) }, (_, page) => Math.min(limit, 20 - page * limit)));
      }
      expect((await listAll(driver, { limit })).flat()).toHaveLength(40);
    });

    test('goes on with the next page where the last one ended, though newer ones came in between', async () => {
      const driver = await opened(harness);
      await driver.transitions.append(history(0, 10));
      const { nextPageToken } = await driver.transitions.list({ limit: 4 });
      await driver.transitions.append(history(10, 15));
      const { transitions } = await driver.transitions.list({ limit: 4, pageToken: nextPageToken! });
      expect(transitions.map(({ generation }) => generation)).toEqual([5, 4, 3, 2]);
    });

    test('drops repeats by (incarnation, upstream, generation), in one append and over several; the first place counts (G1, K3)', async () => {
      const driver = await opened(harness);
      const others = [transition('b.test', 1), transition('a.test', 1, { incarnation: 2 })];
      await driver.transitions.append([...history(1, 3), ...history(1, 3)]);
      await driver.transitions.append([...history(2, 4), ...others]);
      await driver.transitions.append(history(1, 3));
      const { transitions } = await driver.transitions.list({ limit: 10 });
      expect(transitions).toEqual([...history(1, 4), ...others].toReversed());
    });

    test.each([0, -1, 1_001, 2.5, Number.NaN])('refuses a limit of %d', async (limit) => {
      const driver = await opened(harness);
      await expect(driver.transitions.list({ limit })).rejects.toThrow(/limit/);
    });

    test.each(['', 'x', '-1', '1e3', '9'.repeat(40)])('refuses the page token %j, which no page gave', async (pageToken) => {
      const driver = await opened(harness);
      await expect(driver.transitions.list({ limit: 1, pageToken })).rejects.toThrow(/page token/);
    });

    const { crash } = harness;
    if (crash === undefined) return;
    test('outlives a crash, and still drops what it had', async () => {
      const driver = await opened(harness);
      await driver.transitions.append(history(1, 4));
      const next = await afterCrash({ crash }, driver);
      await next.transitions.append(history(2, 6));
      expect((await next.transitions.list({ limit: 10 })).transitions).toEqual(history(1, 6).toReversed());
    });
  });

  describe('a follower of transitions', () => {
    test('hears of each from now on, in order, and of none from before', async () => {
      const driver = await opened(harness);
      await driver.transitions.append(history(1, 3));
      const heard = await follow(driver);
      await driver.transitions.append(history(3, 5));
      await driver.transitions.append(history(5, 6));
      await vi.waitFor(() => expect(heard.at(-1)).toEqual(transition('a.test', 5)), 10_000);
      const once = heard.filter((each, index) => heard.findIndex(({ generation }) => generation === each.generation) === index);
      expect(once).toEqual(history(3, 6));
    });

    test('hears nothing any more once it has stopped, and harms nobody by throwing', async () => {
      const driver = await opened(harness);
      const stopped: Transition[] = [];
      const stop = await driver.transitions.follow((each) => stopped.push(each));
      onTestFinished(
        await driver.transitions.follow(() => {
          throw new Error('a follower of the test');
        }),
      );
      const other = await follow(driver);
      await stop();
      await stop();
      await driver.transitions.append(history(1, 3));
      await vi.waitFor(() => expect(other).toEqual(history(1, 3)), 10_000);
      expect(stopped).toEqual([]);
    });
  });
}

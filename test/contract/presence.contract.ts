/** Presence: which processes there are, as each said last, and how long ago. */
import { describe, expect, test } from 'vitest';
import { FORGOTTEN_AFTER_MS, type Heartbeat, type Present } from '#engine';
import { opened, type DriverUnderTest, type Harness } from './harness.ts';

const COMMON = { host: 'host-1', version: '1.2.3', engine: 4, startedMs: 1_790_000_000_123, missing: [] };

export const INGEST: Heartbeat = { ...COMMON, instance: 'ingest-1', missing: ['Kafka: it does not answer'], ingest: { group: 'standby', partitions: [{ partition: 3, next: 4_000_000_001 }], commits: { OK: 12, FENCED: 1 } } };
export const PROXY: Heartbeat = {
  ...COMMON,
  instance: 'proxy-a',
  proxy: { stateAgeMs: 812, judgedAlone: 2, calls: { upstream: 1_000, degraded: 30 }, refused: [{ upstream: 'shop.local', calls: 30 }], waiting: 7 },
};
const ALL: Heartbeat = { ...COMMON, instance: 'proxy-a', ingest: { group: 'ingest', partitions: [], commits: {} }, proxy: { judgedAlone: 0, calls: {}, refused: [], waiting: 0 }, console: { watchers: 1, readers: 2, followers: 3 } };

const now = (heartbeat: Heartbeat, ageMs = 0): Present => ({ heartbeat, ageMs });
const heard = async ({ presence }: DriverUnderTest): Promise<Heartbeat[]> => (await presence.list()).map(({ heartbeat }) => heartbeat).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
const inOrder = (...heartbeats: Heartbeat[]): Heartbeat[] => heartbeats.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));

export function presenceContract(harness: Harness): void {
  describe('processes', () => {
    test('are listed as each said last, whole, two of one name and other roles apart', async () => {
      const driver = await opened(harness);
      expect(await driver.presence.list()).toEqual([]);
      await driver.presence.beat([now({ ...PROXY, missing: ['routes: none'] }), now(ALL)]);
      await driver.presence.beat([now(INGEST)]);
      await driver.presence.beat([now(PROXY)]);
      expect(await heard(driver)).toEqual(inOrder(INGEST, PROXY, ALL));
    });

    test('are as old as their last word, and forgotten after a minute', async () => {
      const driver = await opened(harness);
      await driver.presence.beat([now(PROXY, 20_000), now(INGEST, FORGOTTEN_AFTER_MS + 1)]);
      const [only, ...others] = await driver.presence.list();
      expect([only?.heartbeat.instance, others]).toEqual(['proxy-a', []]);
      expect(only?.ageMs).toBeGreaterThanOrEqual(19_990);
      expect(only?.ageMs).toBeLessThan(50_000);
      await driver.presence.sweep();
      expect(await heard(driver)).toEqual([PROXY]);
      await driver.presence.beat([now(INGEST)]);
      expect(await heard(driver)).toEqual(inOrder(INGEST, PROXY));
    });

    test('that leave are gone at once, and are there again with their next word', async () => {
      const driver = await opened(harness);
      await driver.presence.beat([now(PROXY), now(INGEST)]);
      await driver.presence.leave(PROXY);
      expect(await heard(driver)).toEqual([INGEST]);
      await driver.presence.beat([now(PROXY)]);
      expect(await heard(driver)).toEqual(inOrder(INGEST, PROXY));
    });
  });
}

import { expect, onTestFinished, test, vi } from 'vitest';
import type { Present } from '#engine';
import { processMessage, type ProcessMessage } from '#wire';
import { BeatRelay } from './beat-relay.ts';

const WAITING = 10_000;
const FLUSH_MS = 2_000;

const beatOf = (instance: string): ProcessMessage =>
  processMessage({ instance, host: 'host-1', version: '1.2.3', engine: 4, startedMs: 0, missing: [], proxy: { stateAgeMs: 0, judgedAlone: 0, calls: {}, refused: [], waiting: 0 } });

test('while the store is out of reach the newest word of ten thousand proxies waits, further ones are left out, and all of it is told in time', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => void vi.useRealTimers());
  const told: (readonly Pick<Present, 'heartbeat' | 'ageMs'>[])[] = [];
  let isAway = true;
  const presence = { beat: async (beats: (typeof told)[number]) => void (told.push(beats), isAway && (await Promise.reject(new Error('out of reach')))), leave: async () => {} };
  let nowMs = 0;
  const relay = new BeatRelay(presence, () => nowMs);
  onTestFinished(() => relay.close());
  for (let n = 0; n <= WAITING; n++) relay.take(beatOf(`proxy-${n}`), { leaving: false, own: undefined });
  await vi.advanceTimersByTimeAsync(FLUSH_MS);
  nowMs = FLUSH_MS;
  isAway = false;
  // It takes the place of its own older one.
  relay.take(beatOf('proxy-0'), { leaving: false, own: undefined });
  for (let flush = 0; flush < 2; flush++) await vi.advanceTimersByTimeAsync(FLUSH_MS);
  expect(told.map(({ length }) => length)).toEqual([WAITING, WAITING]);
  expect(told[1]?.filter(({ ageMs }) => ageMs === 0).map(({ heartbeat }) => heartbeat.instance)).toEqual(['proxy-0']);
  expect(told[1]?.some(({ heartbeat }) => heartbeat.instance === `proxy-${WAITING}`)).toBe(false);
});

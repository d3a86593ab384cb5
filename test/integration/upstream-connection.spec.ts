import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, it, vi } from 'vitest';
import { Deadlines } from '../../libs/http-proxy/src/deadlines.ts';
import { UpstreamConnection } from '../../libs/http-proxy/src/upstream-connection.ts';
import { Cleanup, startRawUpstream } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

it('a connection counts for a moment after both sides closed: its upstream may still be about to hear of it', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  cleanup.add(() => vi.useRealTimers());
  const upstream = await startRawUpstream(cleanup, (socket) => socket.resume().on('end', () => socket.end()));
  const deadlines = new Deadlines(() => performance.now(), 1_000);
  cleanup.add(() => deadlines.stop());
  let isGone = false;
  const owner = {
    onConnected: (each: UpstreamConnection) => each.retire(),
    onConnectFailed: () => undefined,
    onFree: () => undefined,
    onUnusable: () => undefined,
    onClosed: () => (isGone = true),
  };
  const settings = { connectTimeoutMs: 5_000, keepAliveMs: 4_000, closeMs: 1_000, responseHeadBytesMax: 1_024, deadlines };
  const connection = new UpstreamConnection({ label: upstream.target, host: '127.0.0.1', port: upstream.port }, owner, settings);
  while (connection.phase !== 'closed') await turn();
  expect(isGone).toBe(false);
  vi.advanceTimersByTime(3);
  expect(isGone).toBe(true);
});

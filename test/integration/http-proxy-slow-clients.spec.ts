/**
 * Many clients that are slow on purpose (heads, bodies, reading), and one that isn't: its calls all succeed meanwhile,
 * and the slow ones are let go at the time-outs, or served to their end where they move.
 */
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { call, Cleanup, keptAgent, route, startDataPlane, startUpstream, type DataPlane } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const SLOW = 300;
const EVERY_MS = 60;
/** Of all slow ones, and of a test, on a machine that has other things to do. */
const GATHERED_WITHIN_MS = 40_000;
const TEST_MS = 120_000;
const LARGE = Buffer.alloc(2_000_000, 'x');

interface Slow {
  readonly sockets: readonly Socket[];
  readonly open: () => number;
  /** From now on they send a little now and then. */
  readonly drip: () => void;
}

interface SlowWords {
  /** Sent at once. */
  readonly bytes: string;
  /** Sent each 60 ms, `drips` times, once they may. */
  readonly drip?: string;
  readonly drips?: number;
  /** Reads what comes back. */
  readonly reads: boolean;
}

function slowClients(plane: DataPlane, { bytes, drip = '', drips = Infinity, reads }: SlowWords): Slow {
  let open = SLOW;
  const sockets = Array.from({ length: SLOW }, () => {
    const socket = connect({ host: '127.0.0.1', port: plane.port })
      .on('error', () => undefined)
      .on('close', () => open--);
    socket.write(bytes);
    if (reads) socket.resume();
    else socket.pause();
    return socket;
  });
  let dripped = 0;
  let timer: NodeJS.Timeout | undefined;
  const dripNow = (): void => {
    timer = setInterval(() => {
      if (dripped++ >= drips) return;
      for (const socket of sockets) if (drip !== '' && socket.writable) socket.write(drip);
    }, EVERY_MS);
  };
  cleanup.add(() => {
    clearInterval(timer);
    for (const socket of sockets) socket.destroy();
  });
  return { sockets, open: () => open, drip: dripNow };
}

interface Stage {
  readonly plane: DataPlane;
  /** Connections to the upstream. */
  readonly open: () => number;
  /** Until then the proxy's clock stands: however long the slow ones take to come, no time-out is over before all are there. */
  readonly startClock: () => void;
}

/** An upstream that takes bodies and gives large answers, a proxy before it with short time-outs, and what is free of it. */
async function stage(timeouts: Partial<Record<'clientHeadMs' | 'clientBodyMs' | 'idleMs', number>>): Promise<Stage> {
  const upstream = await startUpstream(cleanup, (incoming, response) => {
    incoming
      .on('error', () => undefined)
      .resume()
      .on('end', () => response.end(incoming.url === '/large' ? LARGE : 'ok'));
  });
  let startedMs: number | undefined;
  const monotonicNow = (): number => (startedMs === undefined ? 0 : performance.now() - startedMs);
  const plane = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts, monotonicNow });
  return { plane, open: upstream.open, startClock: () => void (startedMs = performance.now()) };
}

/** Calls of a client that isn't slow, for as long as `goesOn` says so; how they ended. */
async function quickCalls(plane: DataPlane, goesOn: () => boolean): Promise<{ readonly statuses: ReadonlySet<number>; readonly count: number }> {
  const agent = keptAgent(cleanup);
  const statuses = new Set<number>();
  let count = 0;
  while (goesOn() || count < 20) {
    statuses.add((await call(plane.port, { agent })).status);
    count++;
  }
  return { statuses, count };
}

describe.each([
  ['in their heads', { bytes: 'GET / HTTP/1.1\r\nHost: api.test\r\n', drip: 'X-A: 1\r\n', reads: true }],
  ['in their first line', { bytes: 'GET /', drip: 'a', reads: true }],
  ['in a second head', { bytes: 'GET / HTTP/1.1\r\nHost: api.test\r\n\r\nGET /', drip: 'a', reads: true }],
])('300 clients that are slow %s', { timeout: TEST_MS }, (_, words) => {
  it('are let go after clientHeadMs, none of their upstream is taken, and another client’s calls all succeed', async () => {
    const { plane, open, startClock } = await stage({ clientHeadMs: 5_000 });
    const slow = slowClients(plane, words);
    await expect.poll(() => plane.proxy.stats().clientConnections, { timeout: GATHERED_WITHIN_MS }).toBe(SLOW);
    startClock();
    slow.drip();
    const { statuses, count } = await quickCalls(plane, () => slow.open() > 0);
    expect([[...statuses], count > 0]).toEqual([[200], true]);
    expect(open()).toBeLessThanOrEqual(plane.proxy.stats().routes[0]?.connections ?? 0);
    expect(plane.calls.filter(({ statusCode }) => statusCode === 408)).toHaveLength(SLOW);
    await expect.poll(() => plane.proxy.stats().clientConnections).toBeLessThanOrEqual(1);
  });
});

describe('300 clients that are slow in their bodies', { timeout: TEST_MS }, () => {
  const bytes = 'POST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 1000\r\n\r\n';

  it('and stop are let go after clientBodyMs with their upstream connections, and another client’s calls all succeed', async () => {
    const { plane, open, startClock } = await stage({ clientBodyMs: 2_000 });
    const slow = slowClients(plane, { bytes, reads: true });
    await expect.poll(open, { timeout: GATHERED_WITHIN_MS }).toBe(SLOW);
    startClock();
    const { statuses } = await quickCalls(plane, () => slow.open() > 0);
    expect([...statuses]).toEqual([200]);
    await expect.poll(() => plane.proxy.stats()).toMatchObject({ callsInFlight: 0 });
    await expect.poll(open, { timeout: 5_000 }).toBeLessThanOrEqual(1);
    expect(plane.calls.filter(({ statusCode }) => statusCode === 408)).toHaveLength(SLOW);
    // Nobody blames the upstream.
    expect(plane.outcomes.filter(({ result }) => result.kind !== 'status')).toEqual([]);
  });

  it('but move take no call from another client, and are served', async () => {
    const { plane, startClock } = await stage({ clientBodyMs: 10_000 });
    const slow = slowClients(plane, { bytes: bytes.replace('1000', '80'), drip: 'x', drips: 80, reads: true });
    await expect.poll(() => plane.proxy.stats().callsInFlight, { timeout: GATHERED_WITHIN_MS }).toBe(SLOW);
    startClock();
    slow.drip();
    const { statuses } = await quickCalls(plane, () => plane.proxy.stats().callsInFlight > 0);
    expect([[...statuses], slow.open(), new Set(plane.calls.map(({ statusCode }) => statusCode))]).toEqual([[200], SLOW, new Set([200])]);
  });
});

describe('300 clients that are slow in reading', { timeout: TEST_MS }, () => {
  const bytes = 'GET /large HTTP/1.1\r\nHost: api.test\r\n\r\n';

  it('and stop are let go after idleMs with their upstream connections, and another client’s calls all succeed', async () => {
    const { plane, open, startClock } = await stage({ idleMs: 2_000 });
    startClock();
    // Who owes reading is watched by its socket's own timer, which doesn't stand: the first go while the last come.
    const slow = slowClients(plane, { bytes: bytes.repeat(10), reads: false });
    await expect.poll(() => plane.proxy.stats().clientConnections, { timeout: GATHERED_WITHIN_MS }).toBeGreaterThan(SLOW / 10);
    const { statuses } = await quickCalls(plane, () => plane.proxy.stats().clientConnections > 1);
    expect([[...statuses], slow.sockets.every((socket) => socket.isPaused())]).toEqual([[200], true]);
    await expect.poll(open, { timeout: 10_000 }).toBeLessThanOrEqual(1);
    expect(plane.outcomes.filter(({ result }) => result.kind !== 'status')).toEqual([]);
  });
});

/** What a proxy has of a console in place of Redis: the console on an embedded store, the follower as in production. */
import { credentials, loadPackageDefinition, type Client, type ClientReadableStream } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { StateUpdate } from '#engine';
import { formatAddress, parseAddress, type Address } from '#runtime';
import { PROTO_FILES, protoDir, type FollowMessage } from '#wire';
import { ConsoleStage, type StageOptions } from '../support/console-stage.ts';
import { eventually } from '../support/eventually.ts';
import { stageFollower, type FollowStage } from '../support/follow-stage.ts';
import { gateTo } from '../support/tcp-gate.ts';

async function stage(options?: StageOptions): Promise<ConsoleStage> {
  const own = await ConsoleStage.start(options);
  onTestFinished(() => own.close());
  return own;
}

const at = (port: number) => ({ host: '127.0.0.1', port });
const generation = (follower: FollowStage, upstream = 'a.test'): number | undefined => follower.known.get(upstream)?.generation;
const becomes = (look: () => unknown) => expect.poll(look, { timeout: 15_000 });

/** The stream alone, by the .proto file. */
function rawFollow(port: number): ClientReadableStream<FollowMessage> {
  const definition = loadSync(PROTO_FILES[2], { keepCase: true, longs: Number, enums: String, defaults: true, includeDirs: [protoDir()] });
  // oxlint-disable-next-line typescript/no-explicit-any
  const Service = (loadPackageDefinition(definition) as any).fuseboard.v1.StateService as new (...of: unknown[]) => Client & { Follow(request: object): ClientReadableStream<FollowMessage> };
  const client = new Service(`127.0.0.1:${port}`, credentials.createInsecure());
  const stream = client.Follow({});
  stream.on('error', () => undefined);
  onTestFinished(() => (stream.cancel(), client.close()));
  return stream;
}

/** Feeds in a test's hands, in place of the store's. */
function handFed() {
  const hands: { tell: (update: StateUpdate) => void } = { tell: () => undefined };
  const drivers: StageOptions['drivers'] = (store) => ({
    documentFeed: store.documentFeed, control: store.control, partitions: store.partitions,
    transitions: store.transitions,
    stateFeed: { follow: async (listener) => ((hands.tell = listener), async () => undefined) },
  });
  return { hands, drivers };
}
const age = (update: StateUpdate | undefined): number => performance.now() - (update?.heardMonotonicMs ?? Number.NaN);
const META = { incarnation: 1, next: 1, clockMs: 1, control: -1, sequence: 1 };

describe('a follower of a console', () => {
  it('hears of a change, and of counts alone only with the next', async () => {
    const own = await stage();
    await own.commit({ upstream: 'a.test' });
    const follower = stageFollower([own.console.grpcAddress]);
    await becomes(() => generation(follower)).toBe(1);
    await own.commit({ upstream: 'a.test', window: { startedAtMs: 1_790_000_000_000, total: 5, errors: 1, slow: 0 } });
    await own.commit({ upstream: 'b.test' });
    await becomes(() => generation(follower, 'b.test')).toBe(1);
    expect(follower.known.get('a.test')?.window.total).toBe(0);
    await own.commit({ upstream: 'a.test', generation: 2, window: { total: 6, errors: 1, slow: 0 } });
    await becomes(() => follower.known.get('a.test')).toMatchObject({ generation: 2, window: { total: 6 } });
    expect(follower.older).toEqual([]);
  });

  it('is told that a partition is unknown, then that it is known, at once (V4)', async () => {
    const own = await stage({ stored: false });
    const follower = stageFollower([own.console.grpcAddress]);
    await becomes(() => follower.updates.length).toBeGreaterThan(0);
    expect(follower.updates.some((update) => 'meta' in update)).toBe(false);
    await own.commit({ upstream: 'a.test' });
    await becomes(() => follower.updates.at(-1)?.meta?.next).toBe(1);
    expect(generation(follower)).toBe(1);
  });

  it('is told the age of the store’s word, not of the console’s, and the store’s time (V4, T2)', async () => {
    const { hands, drivers } = handFed();
    const own = await stage({ drivers, stored: false });
    const aheadMs = 3_600_000;
    const now = performance.now();
    hands.tell({ partition: 0, meta: META, snapshots: [], storeTime: { atMs: now + aheadMs, askedMonotonicMs: now - 20, toldMonotonicMs: now } });
    const follower = stageFollower([own.console.grpcAddress]);
    const first = await eventually(() => follower.updates.find(({ storeTime }) => storeTime !== undefined), { what: 'the store’s time' });
    const { atMs, askedMonotonicMs: askedMs, toldMonotonicMs: toldMs } = first.storeTime as NonNullable<StateUpdate['storeTime']>;
    expect(atMs - toldMs).toBeLessThanOrEqual(aheadMs);
    expect(atMs - askedMs).toBeGreaterThanOrEqual(aheadMs);
    expect(atMs - toldMs).toBeGreaterThan(aheadMs - 5_000);
    // Nothing more comes from the store, and each second the console says how long ago it was.
    await becomes(() => age(follower.updates.at(-1)) > 2_000).toBe(true);
    const late = stageFollower([own.console.grpcAddress]);
    await becomes(() => late.updates.length).toBeGreaterThan(0);
    expect(age(late.updates[0])).toBeGreaterThan(2_000);
  });

  it('that is slow gets the newest of each, whole first, and what waits for it is bounded by names', async () => {
    const upstreams = Array.from({ length: 500 }, (_, index) => `host-${index}.${'long-'.repeat(20)}test`);
    const own = await stage();
    await own.commit(...upstreams.map((upstream) => ({ upstream })));
    await own.becomesReady();
    const stream = rawFollow(own.console.grpcAddress.port);
    const messages: FollowMessage[] = [];
    stream.on('data', (message: FollowMessage) => void messages.push(message));
    const told = (): number => messages.flatMap(({ partitions = [] }) => partitions).reduce((sum, { breakers = [] }) => sum + breakers.length, 0);
    await becomes(told).toBe(upstreams.length);
    const whole = messages.flatMap(({ partitions = [] }) => partitions).filter(({ breakers = [] }) => breakers.length > 0).map(({ more }) => more);
    expect([whole.length > 1, whole.lastIndexOf(true), whole.at(-1)]).toEqual([true, whole.length - 2, false]);

    stream.pause();
    const rounds = 100;
    for (let round = 2; round <= rounds + 1; round++) {
      await own.commit(...upstreams.map((upstream) => ({ upstream, generation: round })));
      await new Promise(setImmediate);
    }
    await vi.waitFor(async () => expect(await (await own.get('/metrics')).text()).toContain('fuseboard_followers_behind 1'));
    stream.resume();
    const newest = new Map<string, number>();
    stream.on('data', ({ partitions = [] }: FollowMessage) => {
      for (const { upstream, generation: of } of partitions.flatMap(({ breakers = [] }) => breakers)) newest.set(upstream, of);
    });
    await becomes(() => newest.size === upstreams.length && [...newest.values()].every((of) => of === rounds + 1)).toBe(true);
    expect(told()).toBeLessThan((upstreams.length * rounds) / 4);
  });

  it('follows a console that was restarted, and takes nothing back (V1)', async () => {
    const first = await stage();
    const gate = await gateTo(first.console.grpcAddress.port);
    await first.commit({ upstream: 'a.test' }, { upstream: 'b.test', generation: 7, next: 90 });
    const follower = stageFollower([at(gate.port)]);
    await becomes(() => generation(follower, 'b.test')).toBe(7);
    const second = await stage();
    await second.commit({ upstream: 'a.test', generation: 2, next: 50 }, { upstream: 'b.test', generation: 6, next: 80 });
    gate.to = second.console.grpcAddress.port;
    gate.cut();
    await becomes(() => generation(follower)).toBe(2);
    expect([generation(follower, 'b.test'), follower.older]).toEqual([7, []]);
    expect(follower.reach.at(-1)).toBe('reached');
  });
});

describe('of two consoles', () => {
  async function two() {
    const stages = [await stage(), await stage()];
    const gates = await Promise.all(stages.map(({ console }) => gateTo(console.grpcAddress.port)));
    await Promise.all(stages.map((each) => each.commit({ upstream: 'a.test' })));
    const follower = stageFollower(gates.map(({ port }) => at(port)));
    await becomes(() => follower.followed.length).toBe(1);
    await becomes(() => generation(follower)).toBe(1);
    const place = gates.findIndex(({ port }) => formatAddress(at(port)) === follower.followed[0]);
    return { follower, its: gates[place] as (typeof gates)[0], other: stages[1 - place] as ConsoleStage };
  }

  it('the other is taken when the one that is followed goes', async () => {
    const { follower, its, other } = await two();
    its.state = 'dead';
    its.cut();
    await other.commit({ upstream: 'a.test', generation: 2 });
    await becomes(() => generation(follower)).toBe(2);
    expect(new Set(follower.followed).size).toBe(2);
  });

  it('the other is taken when the one that is followed says nothing any more, though its connection stands', async () => {
    const { follower, its, other } = await two();
    its.state = 'deaf';
    await other.commit({ upstream: 'a.test', generation: 2 });
    await becomes(() => generation(follower)).toBe(2);
    expect(follower.reach.join()).toContain('has been silent for 3 s');
  });

  it('the other is taken when what the one that is followed hands on is old', async () => {
    const fed = [handFed(), handFed()];
    const consoles = await Promise.all(fed.map(async ({ drivers }) => formatAddress((await stage({ drivers, stored: false })).console.grpcAddress)));
    let cutOff: string | undefined;
    const feeding = setInterval(() => {
      for (const [place, { hands }] of fed.entries()) if (consoles[place] !== cutOff) hands.tell({ partition: 0, meta: META, snapshots: [] });
    }, 100);
    onTestFinished(() => clearInterval(feeding));
    const follower = stageFollower(consoles.map((address) => parseAddress(address) as Address));
    await becomes(() => follower.updates.length).toBeGreaterThan(0);
    cutOff = follower.followed[0];
    await becomes(() => follower.followed.length).toBeGreaterThan(1);
    expect(follower.followed[1]).not.toBe(cutOff);
    expect(follower.reach.join()).toContain('hands on is old');
  });

  it('each gets its share again, since none is followed for ever', async () => {
    const stages = [await stage(), await stage()];
    const follower = stageFollower(stages.map(({ console }) => console.grpcAddress), { stayMs: 100 });
    await becomes(() => new Set(follower.followed).size).toBe(2);
    expect(follower.reach).toEqual(['reached']);
  });
});

describe('at the start it is refused, with the variable that is wrong,', () => {
  const preparing = (follower: FollowStage): Promise<string> => follower.prepare().then(() => 'prepared', (error: Error) => error.message);

  it('by a console of another fleet', async () => {
    const { console: { grpcAddress } } = await stage();
    expect(await preparing(stageFollower([grpcAddress], { partitions: 12 }))).toContain('FUSEBOARD_PARTITIONS: found 12, and the fleet of the console at 127.0.0.1:');
    expect(await preparing(stageFollower([grpcAddress], { topicPrefix: 'mine.' }))).toContain('FUSEBOARD_TOPIC_PREFIX: found "mine.", and the console at 127.0.0.1:');
  });

  it('by one that wants a token, and taken with the token', async () => {
    const env = { FUSEBOARD_GRPC_LISTEN: '0.0.0.0:0', FUSEBOARD_TOKEN: 'right' };
    const { console: { grpcAddress: { port } } } = await stage({ env });
    expect(await preparing(stageFollower([at(port)]))).toMatch(/^FUSEBOARD_TOKEN: the console at 127\.0\.0\.1:\d+ refuses us: a bearer token is needed/);
    expect(await preparing(stageFollower([at(port)], { token: 'wrong' }))).toContain('FUSEBOARD_TOKEN: ');
    expect(await preparing(stageFollower([at(port)], { token: 'right' }))).toBe('prepared');
    const open = await stage({ env: { ...env, FUSEBOARD_ANONYMOUS: 'read' } });
    expect(await preparing(stageFollower([at(open.console.grpcAddress.port)]))).toBe('prepared');
  });

  it('and one that is not there is waited for', async () => {
    const own = await stage();
    const gate = await gateTo(own.console.grpcAddress.port);
    gate.state = 'dead';
    const follower = stageFollower([at(gate.port)]);
    await becomes(() => follower.reach.at(-1)).toContain('did not answer in time');
    gate.state = 'open';
    gate.cut();
    expect(await preparing(follower)).toBe('prepared');
  });
});

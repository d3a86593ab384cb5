/** Which processes there are, as a console shows it: over HTTP, as events, over gRPC; and what proxies say by way of it. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Heartbeat, IngestVitals, ProxyVitals } from '#engine';
import { Heart, Health, createLogger, type Runtime } from '#runtime';
import { ConsoleStage, type StageOptions } from '../support/console-stage.ts';
import { EventReader } from '../support/event-reader.ts';
import { stageFollower } from '../support/follow-stage.ts';

interface Fleet {
  readonly problem?: string;
  readonly age_ms: number;
  readonly summary: Readonly<Record<string, unknown>>;
  readonly processes: readonly { readonly instance: string; readonly silent: boolean; readonly age_ms: number; readonly ingest?: { readonly partitions: readonly object[] } }[];
}

async function stage(options?: StageOptions): Promise<ConsoleStage> {
  const own = await ConsoleStage.start(options);
  onTestFinished(() => own.close());
  return own;
}

const COMMON = { host: 'host-1', version: '1.2.3', engine: 4, startedMs: 1_790_000_000_000, missing: [] };
const ingest = (instance: string, vitals: Partial<IngestVitals> = {}): Heartbeat => ({ ...COMMON, instance, ingest: { group: 'ingest', partitions: [], commits: {}, ...vitals } });
const proxy = (instance: string, vitals: Partial<ProxyVitals> = {}): Heartbeat => ({ ...COMMON, instance, proxy: { judgedAlone: 0, calls: {}, refused: [], waiting: 0, ...vitals } });
const fleetOf = async (own: ConsoleStage, query = ''): Promise<Fleet> => (await (await own.get(`/api/v1/fleet${query}`)).json()) as Fleet;
const names = ({ processes }: Fleet): string[] => processes.map(({ instance }) => instance);

/** Whose processes can't be read for as long as a test says so. */
async function awayable(isAway: boolean) {
  const store = { isAway };
  const own = await stage({
    drivers: ({ presence }) => ({
      presence: { beat: (beats) => presence.beat(beats), leave: (one) => presence.leave(one), sweep: () => presence.sweep(), list: () => (store.isAway ? Promise.reject(new Error('Redis is away')) : presence.list()) },
    }),
  });
  return { own, store };
}

function read(url: string): EventReader {
  const reader = new EventReader(url);
  onTestFinished(() => reader.end());
  return reader;
}

describe('/api/v1/fleet', () => {
  it('has the silent first, then the unready, then those that judge alone; and finds by words', async () => {
    const own = await stage();
    const late = { heartbeat: proxy('b-late'), ageMs: 12_000 };
    const others = [proxy('d-well'), { ...proxy('z-unready'), missing: ['routes: none'] }, proxy('e-alone', { judgedAlone: 3 }), ingest('c-standby', { group: 'standby' })];
    await own.store.presence.beat([late, ...others.map((heartbeat) => ({ heartbeat, ageMs: 0 }))]);
    const fleet = await fleetOf(own);
    expect(names(fleet)).toEqual(['b-late', 'z-unready', 'e-alone', 'c-standby', 'd-well']);
    expect(fleet.processes.map(({ silent }) => silent)).toEqual([true, false, false, false, false]);
    expect(fleet.processes[0]?.age_ms).toBeGreaterThanOrEqual(12_000);
    // A standby owns nothing.
    expect(fleet.summary).toEqual({ ingests: 1, proxies: 4, consoles: 0, silent: 1, unready: 1, unowned: [0], found: 5 });
    const found = await fleetOf(own, '?search=PROXY+host-1&limit=2');
    expect([names(found), found.summary['found']]).toEqual([['b-late', 'z-unready'], 4]);
    expect(names(await fleetOf(own, '?search=standby'))).toEqual(['c-standby']);
  });

  it('knows what waits in each partition of an ingest, and that a silent one folds nothing', async () => {
    const own = await stage();
    const outcome = { upstream: 'a.test', atMs: Date.now(), reporter: 'r', id: 'x', count: 1, result: { kind: 'ok' } } as const;
    await own.store.outcomes.append([outcome, { ...outcome, id: 'y' }, { ...outcome, id: 'z' }]);
    const one = ingest('ingest-1', { partitions: [{ partition: 0, next: 1 }] });
    await own.store.presence.beat([{ heartbeat: one, ageMs: 0 }]);
    const { summary, processes } = await fleetOf(own);
    expect([summary['unowned'], processes[0]?.ingest?.partitions]).toEqual([[], [{ partition: 0, next: 1, lag: 2 }]]);
    const other = await stage();
    await other.store.presence.beat([{ heartbeat: one, ageMs: 11_000 }]);
    expect((await fleetOf(other)).summary).toMatchObject({ unowned: [0], silent: 1 });
  });

  it('says that it can\'t be read where it can\'t, and not that nobody is there', async () => {
    const { own } = await awayable(true);
    const answer = await own.get('/api/v1/fleet');
    expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('the processes cannot be read right now: Redis is away')]);
    await expect(own.controlClient({}, 'FleetService').call('ListProcesses', {})).rejects.toThrow('UNAVAILABLE');
  });

  it('keeps what was read last, with how old it is, and takes nobody for silent or missing meanwhile', async () => {
    const { own, store } = await awayable(false);
    await own.store.presence.beat([{ heartbeat: ingest('ingest-1', { partitions: [{ partition: 0, next: 0 }] }), ageMs: 0 }]);
    expect(names(await fleetOf(own))).toEqual(['ingest-1']);
    store.isAway = true;
    const heard = read(own.base);
    const told = await heard.until('the problem', () => heard.told('fleet').find((each) => each['problem'] !== undefined));
    expect(told).toMatchObject({ problem: 'Redis is away', summary: { ingests: 1, silent: 0, unowned: [] } });
    expect((await own.get('/api/v1/fleet')).status).toBe(503);
  });

  it.each([['?limit=1001', 'limit: found 1001, allowed: 1 to 1000'], ['?limit=x', 'limit: found \\"x\\", allowed: a whole number'], [`?search=${'a'.repeat(201)}`, 'search: found 201 characters, allowed: at most 200']])('refuses %.16s', async (query, message) => {
    const answer = await (await stage()).get(`/api/v1/fleet${query}`);
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(message)]);
  });
});

describe('events of the fleet', () => {
  it('are told anew each few seconds, of those that were asked for', async () => {
    const own = await stage();
    await own.store.presence.beat([{ heartbeat: proxy('a'), ageMs: 0 }, { heartbeat: proxy('b'), ageMs: 0 }]);
    const heard = read(`${own.base}/api/v1/fleet/events?search=a`);
    const told = (): string[][] => heard.told('processes').map((each) => names(each as unknown as Fleet));
    expect(await heard.until('the processes', () => told()[0])).toEqual(['a']);
    await own.store.presence.beat([{ heartbeat: proxy('another'), ageMs: 0 }]);
    expect(await heard.until('another', () => told().find(({ length }) => length === 2))).toEqual(['a', 'another']);
  });

  it('say on the stream of breakers whose callers are refused, how often and where', async () => {
    const own = await stage();
    const refusing = (instance: string, calls: number, ageMs = 0) => ({ heartbeat: proxy(instance, { refused: [{ upstream: 'shop.test', calls }] }), ageMs });
    await own.store.presence.beat([refusing('a', 5), refusing('b', 40), refusing('silent', 1_000, 20_000)]);
    const heard = read(own.base);
    expect(await heard.until('the fleet', () => heard.told('fleet')[0])).toMatchObject({ hits: [['shop.test', 45, 2, [['b', 40], ['a', 5]]]], summary: { proxies: 3, silent: 1 } });
  });
});

describe('FleetService', () => {
  it('lists what HTTP lists', async () => {
    const own = await stage();
    await own.store.presence.beat([{ heartbeat: proxy('a', { stateAgeMs: 7, calls: { upstream: 9 } }), ageMs: 0 }]);
    const { processes, summary } = (await own.controlClient({}, 'FleetService').call('ListProcesses', { search: 'proxy' })) as { processes: object[]; summary: object };
    expect(processes).toEqual([expect.objectContaining({ instance: 'a', started_at: { seconds: 1_790_000_000, nanos: 0 }, proxy: expect.objectContaining({ state_age_ms: 7, calls: { upstream: 9 } }) })]);
    expect(summary).toMatchObject({ proxies: 1, found: 1 });
  });

  it('takes what a proxy says that follows, until that leaves; also with a reader\'s token, and with none it doesn\'t', async () => {
    const env = { FUSEBOARD_GRPC_LISTEN: '0.0.0.0:0', FUSEBOARD_TOKEN: 'w'.repeat(32), FUSEBOARD_READ_TOKEN: 'r'.repeat(32) };
    const own = await stage({ env });
    const at = [{ host: '127.0.0.1', port: own.console.grpcAddress.port }];
    const follower = stageFollower(at, { token: env.FUSEBOARD_READ_TOKEN });
    await follower.prepare();
    const says = (heartbeat: Heartbeat) => expect.poll(() => follower.presence.beat([{ heartbeat, ageMs: 0 }]).then(() => true, () => false), { timeout: 10_000 }).toBe(true);
    await says(proxy('far', { waiting: 1 }));
    await says(proxy('far', { waiting: 2 }));
    const heard = expect.poll(async () => (await own.store.presence.list()).map(({ heartbeat }) => heartbeat), { timeout: 15_000 });
    await heard.toEqual([proxy('far', { waiting: 2 })]);
    await follower.presence.leave(proxy('far'));
    await heard.toEqual([]);
  });

  it.each([
    ['an ingest', ingest('far'), 'another role'],
    ['another proxy on the same stream', proxy('other'), 'after another'],
  ])('takes no word of %s', async (_, second, why) => {
    const own = await stage();
    const follower = stageFollower([own.console.grpcAddress]);
    await follower.prepare();
    const say = (heartbeat: Heartbeat): Promise<void> => follower.presence.beat([{ heartbeat, ageMs: 0 }]);
    await expect.poll(() => say(proxy('far')).then(() => true, () => false), { timeout: 10_000 }).toBe(true);
    await expect.poll(() => say(second).then(() => '', (error: Error) => error.message), { timeout: 10_000 }).toContain(why);
    expect(follower.reach.at(-1)).toBe('reached');
  });
});

describe('a heart', () => {
  const runtime = (lines: string[] = []): Pick<Runtime, 'config' | 'logger' | 'health'> => {
    const logger = createLogger({ level: 'silent', process: 'proxy', instance: 'p' });
    const say = (...of: unknown[]): void => void lines.push(String(of.at(-1)));
    return { config: { instance: 'p' } as Runtime['config'], health: new Health(), logger: Object.assign(Object.create(logger) as typeof logger, { warn: say, info: say }) };
  };

  it('says at once who it is and what it lacks, and leaves as it stops', async () => {
    const own = await stage();
    const { health, ...rest } = runtime();
    health.condition('routes', 'none');
    const heart = new Heart({ presence: own.store.presence, runtime: { health, ...rest }, parts: { console: () => ({ watchers: 1, readers: 2, followers: 3 }) } });
    heart.start();
    const fleet = await fleetOf(own);
    expect(fleet.processes).toMatchObject([{ instance: 'p', missing: ['routes: none'], console: { readers: 2 } }]);
    await heart.stop();
    expect(await own.store.presence.list()).toEqual([]);
  });

  it('that stops while it says so leaves behind that, and says nothing more', async () => {
    const said: string[] = [];
    const first = Promise.withResolvers<void>();
    const presence = { beat: () => (said.push('beat'), first.promise), leave: async () => void said.push('leave') };
    const heart = new Heart({ presence, runtime: runtime(), parts: { proxy: () => proxy('p').proxy as ProxyVitals } });
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    heart.start();
    const stopped = heart.stop();
    first.resolve();
    await stopped;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(said).toEqual(['beat', 'leave']);
  });

  it('says in the log that it can\'t, once, and that it can again', async () => {
    const lines: string[] = [];
    let isAway = true;
    const presence = { beat: () => (isAway ? Promise.reject(new Error('NOPERM')) : Promise.resolve()), leave: async () => {} };
    const heart = new Heart({ presence, runtime: runtime(lines), parts: { proxy: () => proxy('p').proxy as ProxyVitals } });
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    heart.start();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(lines).toEqual([expect.stringContaining("can't say that it is there (NOPERM)")]);
    isAway = false;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(lines.slice(1)).toEqual(['this process can say again that it is there']);
    await heart.stop();
  });

  it('that can\'t say so stops all the same', async () => {
    const never = new Promise<void>(() => {});
    const heart = new Heart({ presence: { beat: () => never, leave: () => never }, runtime: runtime(), parts: { proxy: () => proxy('p').proxy as ProxyVitals } });
    heart.start();
    await expect(heart.stop()).resolves.toBeUndefined();
  });
});

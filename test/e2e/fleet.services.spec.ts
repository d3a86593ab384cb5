/** The fleet's own processes on a real Kafka and a real Redis: what they see together, and what a kill -9 changes. */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import kafkajs, { type Producer } from 'kafkajs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { partitionOf } from '#wire';
import { runLoad } from '../scenarios/load.ts';
import { EventReader } from '../support/event-reader.ts';
import { eventually } from '../support/eventually.ts';
import type { ConsoleMember } from '../support/fleet.ts';
import { KeptClients } from '../support/kept-clients.ts';
import { services } from '../support/services/services.ts';
import { HOST, THRESHOLD, callTimes, openShop, passageAt, refusalAt } from './shop.ts';

const DEADLINE_MS = 180_000;
/** Of the fleets here. */
const PARTITIONS = 3;

/** A program of somebody else's, which writes what it likes where it likes. */
async function strangersProducer(): Promise<Producer> {
  const kafka = new kafkajs.Kafka({ brokers: services().kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  return producer;
}

const outcomeOf = (status: number): string => JSON.stringify({ v: 1, upstream: HOST, at: Date.now(), status, reporter: 'billing-job', id: randomUUID() });

function windowReaches(console: ConsoleMember, total: number): Promise<{ total: number; errors: number }> {
  return eventually(async () => {
    const { window } = await console.client.breaker(HOST);
    return window.total >= total ? window : undefined;
  }, { what: `${total} calls in the window`, deadlineMs: 60_000 });
}

/** What the page would show of the trip, and of the partitions. */
async function shownBy(console: ConsoleMember): Promise<object> {
  const base = `http://${console.console.host}:${console.console.port}`;
  const asked = async (path: string): Promise<unknown> => await (await fetch(`${base}/api/v1/breakers/${HOST}/${path}`)).json();
  const { reporters } = (await asked('outcomes')) as { reporters: readonly { errors: number }[] };
  const [trip] = ((await asked('transitions')) as { transitions: readonly { cause: { offset: number } }[] }).transitions;
  const { error } = (await asked(`outcomes/${trip?.cause.offset}`)) as { error: boolean };
  const reader = new EventReader(base);
  onTestFinished(() => reader.end());
  const partitions = await reader.until('the ends of the log', () => {
    const told = (reader.told('pulse').at(-1)?.['partitions'] ?? []) as { next_offset: number; log_next_offset?: number }[];
    return told.some(({ log_next_offset }) => log_next_offset !== undefined) ? told : undefined;
  });
  reader.end();
  return { errors: reporters.reduce((sum, each) => sum + each.errors, 0), offending: error, logEnds: partitions.map(({ next_offset, log_next_offset = -1 }) => log_next_offset >= next_offset) };
}

describe('a fleet', () => {
  it('refuses at every proxy what one proxy saw fail, as the policy names it, and the console and Redis show why', { timeout: DEADLINE_MS }, async (context) => {
    const { stage, policy, prefix } = await openShop(context, services());
    await policy();
    const [ingest, one, other, console] = await Promise.all([stage.ingest(), stage.proxy(), stage.proxy(), stage.console()]);
    await stage.ready([ingest, one, other, console]);
    await callTimes(one.proxy, THRESHOLD, '?status=503');
    const refused = await refusalAt(other.proxy);
    expect(refused).toMatchObject({ status: 520, own: { body: 'closed for now', cacheControl: 'no-store' } });
    expect(await refusalAt(one.proxy)).toMatchObject({ status: 520 });
    const breaker = await eventually(async () => {
      const found = await console.client.breaker(HOST);
      return found.state === 'open' ? found : undefined;
    }, { what: 'the console to know' });
    const [trip] = await eventually(async () => {
      const found = await console.client.transitions(HOST);
      return found.length > 0 ? found : undefined;
    }, { what: 'the transition' });
    expect(trip).toMatchObject({ generation: breaker.generation, to: 'open', window: { errors: THRESHOLD } });
    // A call that asked the other proxy whether it refuses may have passed before the last of the errors came.
    expect(trip?.window.total).toBeGreaterThanOrEqual(THRESHOLD);

    const redis = new Redis(services().redisUrl);
    onTestFinished(() => void redis.disconnect());
    const snapshot = await redis.hget(`${prefix}:{${partitionOf(HOST, PARTITIONS)}}:snapshots`, HOST);
    expect(JSON.parse(snapshot ?? '')).toMatchObject({ upstream: HOST, state: 'open', admit: 0, policy: { name: 'orders', namespace: 'shop' } });
    expect(await shownBy(console)).toMatchObject({ errors: THRESHOLD, offending: true, logEnds: [true, true, true] });
    expect(await stage.stop()).toEqual([0, 0, 0, 0]);
  });

  it.each([
    ['in the partition of its key', (key: string) => partitionOf(key, PARTITIONS)],
    ['in another partition than its key’s, and says how its producer can be put right', (key: string) => (partitionOf(key, PARTITIONS) + 1) % PARTITIONS],
  ])('trips for all by what a stranger’s program wrote %s', { timeout: DEADLINE_MS }, async (where, partition) => {
    const shop = await openShop({ onTestFinished }, services());
    await shop.policy();
    const [ingest, one, other] = await Promise.all([shop.stage.ingest(), shop.stage.proxy(), shop.stage.proxy()]);
    await shop.stage.ready([ingest, one, other]);
    const producer = await strangersProducer();
    const messages = Array.from({ length: THRESHOLD }, () => ({ partition: partition(HOST), key: HOST, value: outcomeOf(503) }));
    await producer.send({ topic: `${shop.prefix}.outcomes`, messages });
    await Promise.all([refusalAt(one.proxy), refusalAt(other.proxy)]);
    expect(ingest.output.includes('murmur2')).toBe(!where.startsWith('in the partition'));
  });

  it.each([['murmur2_random', false], ['consistent_random', true]])('trips by kcat with its partitioner %s', { timeout: DEADLINE_MS }, async (partitioner, isMisrouted) => {
    const shop = await openShop({ onTestFinished }, services());
    await shop.policy();
    const [ingest, proxy] = await Promise.all([shop.stage.ingest(), shop.stage.proxy()]);
    await shop.stage.ready([ingest, proxy]);
    const kcat = ['-b', services().kafkaBrokers, '-P', '-t', `${shop.prefix}.outcomes`, '-K', '\t', '-X', `partitioner=${partitioner}`];
    const input = Array.from({ length: THRESHOLD }, () => `${HOST}\t${outcomeOf(503)}\n`).join('');
    expect(spawnSync('kcat', kcat, { input, encoding: 'utf8' })).toMatchObject({ status: 0 });
    await refusalAt(proxy.proxy);
    expect(ingest.output.includes('murmur2')).toBe(isMisrouted);
  });
});

describe('kill -9 of an ingest', () => {
  it('loses nothing and counts nothing twice, with two of them and calls all the while', { timeout: DEADLINE_MS }, async (context) => {
    const { stage, policy, watched } = await openShop(context, services());
    await policy({ errors: 100_000 });
    watched.begin(1);
    const [one, other, proxy, console] = await Promise.all([stage.ingest(), stage.ingest(), stage.proxy(), stage.console()]);
    await stage.ready([one, other, proxy, console]);
    const ingests = [one, other];
    const calls = 6_000;
    const marks = [1_000, 2_500, 4_000];
    const changes: Promise<unknown>[] = [];
    const ends = await runLoad({
      proxy: proxy.proxy, host: HOST, path: '/echo?status=503:20', connections: 10, calls, qps: 400,
      isOver: (ended) => {
        if (marks.length > 0 && ended.length >= (marks[0] as number)) {
          marks.shift();
          // The older one goes, a fresh one comes.
          changes.push(ingests.shift()?.kill() ?? Promise.resolve(), stage.ingest().then((fresh) => ingests.push(fresh)));
        }
        return false;
      },
    });
    await Promise.all(changes);
    expect(ends.filter(({ status }) => status === 200 || status === 503)).toHaveLength(calls);
    expect(await windowReaches(console, calls)).toMatchObject({ total: calls, errors: calls / 5 });
    // Whoever comes next finds the same.
    await Promise.all(ingests.map((each) => each.stop()));
    const last = await stage.ingest();
    await last.untilReady('admin');
    await callTimes(proxy.proxy, 1);
    expect(await windowReaches(console, calls + 1)).toMatchObject({ total: calls + 1, errors: calls / 5 });
  });
});

describe('a graceful stop of an ingest', () => {
  it('hands its partitions over to the other one, and loses and repeats nothing', { timeout: DEADLINE_MS }, async (context) => {
    const { stage, policy } = await openShop(context, services());
    await policy();
    const [one, other, proxy, console] = await Promise.all([stage.ingest(), stage.ingest(), stage.proxy(), stage.console()]);
    await stage.ready([one, other, proxy, console]);
    await callTimes(proxy.proxy, THRESHOLD - 2, '?status=503');
    await windowReaches(console, THRESHOLD - 2);
    expect(await one.stop()).toBe(0);
    const folded = (): number => new Set(other.log.filter(({ msg }) => msg.includes('is folded here')).map(({ partition }) => partition)).size;
    await eventually(() => (folded() === PARTITIONS ? true : undefined), { what: 'the other one to say that it folds all partitions' });
    await callTimes(proxy.proxy, 1, '?status=503');
    expect(await windowReaches(console, THRESHOLD - 1)).toMatchObject({ total: THRESHOLD - 1, errors: THRESHOLD - 1 });
    expect(await callTimes(proxy.proxy, 1, '?status=503')).toMatchObject([{ degraded: false }]);
    await refusalAt(proxy.proxy);
    expect(await console.client.breaker(HOST)).toMatchObject({ state: 'open' });
  });
});

describe('a proxy', () => {
  it('that comes later knows at once what is open, and goes on by itself when the lease is over though no ingest lives', { timeout: DEADLINE_MS }, async (context) => {
    const { stage, policy } = await openShop(context, services());
    await policy({ degraded: '5s' });
    const [ingest, first] = await Promise.all([stage.ingest(), stage.proxy()]);
    await stage.ready([ingest, first]);
    await callTimes(first.proxy, THRESHOLD, '?status=503');
    await refusalAt(first.proxy);
    await ingest.kill();
    const late = await stage.proxy();
    await Promise.all([refusalAt(late.proxy).catch(() => undefined), passageAt(late.proxy), passageAt(first.proxy)]);
    expect(late.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('of two workers that is stopped under load has told the log of every call', { timeout: DEADLINE_MS }, async (context) => {
    const { stage, policy } = await openShop(context, services());
    await policy({ errors: 100_000 });
    const [ingest, proxy, console] = await Promise.all([stage.ingest(), stage.proxy({ FUSEBOARD_PROXY_WORKERS: '2' }), stage.console()]);
    await stage.ready([ingest, proxy, console]);
    const clients = await KeptClients.start({ clients: 8, proxies: [proxy.proxy], host: HOST, path: '/echo?delay=5ms' });
    await clients.answered(50);
    expect(await proxy.stop()).toBe(0);
    await clients.stop();
    expect(clients.failures).toEqual([]);
    const answered = clients.ledgers.reduce((sum, { answers }) => sum + (answers[0] ?? 0), 0);
    expect(await windowReaches(console, answered)).toMatchObject({ total: answered, errors: 0 });
  });
});

/** A proxy that takes its states from consoles and has no Redis: real processes, a Kafka, and a Redis that only consoles and ingest see. */
import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { formatAddress } from '#runtime';
import { eventually } from '../support/eventually.ts';
import type { ConsoleMember, ProxyMember } from '../support/fleet.ts';
import { ownRedis, services } from '../support/services/services.ts';
import { isReady } from '../support/program.ts';
import { HOST, THRESHOLD, callTimes, openShop, passageAt, refusalAt } from './shop.ts';

const DEADLINE_MS = 240_000;

const STATES_MAX_AGE = '3s';
const ALONE = 'judges its own calls alone';

const followed = ({ log }: ProxyMember): unknown[] => log.flatMap(({ console }) => console ?? []);

/** Of every connection to it, by who gave it; one of this test's own has none. */
async function namesAt(url: string): Promise<string[]> {
  const redis = new Redis(url);
  onTestFinished(() => redis.disconnect());
  const list = String(await redis.client('LIST'));
  return [...list.matchAll(/ name=(\S+)/g)].map(([, name]) => String(name));
}

async function becomesReady(proxy: ProxyMember, ready: boolean): Promise<void> {
  await eventually(async () => ((await isReady(proxy.admin)) === ready ? true : undefined), { what: `the proxy to be ${ready ? 'ready' : 'not ready'}`, deadlineMs: 30_000 });
}

interface Fleet {
  readonly summary: { readonly unowned: readonly number[] };
  readonly processes: readonly { readonly instance: string; readonly silent: boolean; readonly missing: readonly string[]; readonly proxy?: { readonly refused: readonly object[] } }[];
}

async function fleetOf({ console }: ConsoleMember): Promise<Fleet> {
  return (await (await fetch(`http://${formatAddress(console)}/api/v1/fleet`)).json()) as Fleet;
}

it('trips and recovers by what consoles tell, goes to another when one is killed, and comes again when all were gone', { timeout: DEADLINE_MS }, async (context) => {
  const redis = await ownRedis({ ...context, onTestFinished });
  const { stage, policy } = await openShop({ onTestFinished }, { kafkaBrokers: services().kafkaBrokers, redisUrl: redis.url });
  await policy({ degraded: '4s' });
  const consoles: ConsoleMember[] = await Promise.all([stage.console({ FUSEBOARD_INSTANCE: 'console-1' }), stage.console({ FUSEBOARD_INSTANCE: 'console-2' })]);
  const addresses = consoles.map(({ grpc }) => formatAddress(grpc));
  const env = { FUSEBOARD_REDIS_URL: '', FUSEBOARD_STATES_FROM: addresses.join(','), FUSEBOARD_STATE_MAX_AGE: STATES_MAX_AGE, FUSEBOARD_INSTANCE: 'console-fed' };
  const [ingest, fed, other] = await Promise.all([stage.ingest({ FUSEBOARD_INSTANCE: 'ingest' }), stage.proxy(env), stage.proxy({ FUSEBOARD_INSTANCE: 'redis-fed' })]);
  await stage.ready([ingest, fed, other, ...consoles]);

  // Its own errors trip it for both, and both pass again when the lease is over.
  await callTimes(fed.proxy, THRESHOLD, '?status=503');
  await Promise.all([refusalAt(fed.proxy), refusalAt(other.proxy)]);
  await Promise.all([passageAt(fed.proxy), passageAt(other.proxy)]);
  const owners = new Set((await namesAt(redis.url)).map((name) => name.split(':').at(-1)));
  expect(owners).toEqual(new Set(['console-1', 'console-2', 'ingest', 'redis-fed']));

  // Whoever says by itself that it is there, or by way of a console, is there for both consoles.
  const names = ['console-1', 'console-2', 'console-fed', 'ingest', 'redis-fed'];
  for (const each of consoles) {
    const { processes } = await eventually(async () => fleetOf(each).then((fleet) => (fleet.processes.length === 5 && fleet.processes.every(({ missing }) => missing.length === 0) && fleet.summary.unowned.length === 0 ? fleet : undefined)), { what: 'all to be there and ready' });
    expect(processes.map(({ instance }) => instance).toSorted()).toEqual(names);
    expect(processes.filter(({ proxy }) => proxy !== undefined).map(({ proxy }) => proxy?.refused)).toEqual([[{ upstream: HOST, calls: expect.any(Number) as number }], [{ upstream: HOST, calls: expect.any(Number) as number }]]);
  }

  // The console that it follows is killed: it hears of the next trip from the other, and never judged alone.
  const before = fed.output.split(ALONE).length;
  const first = addresses.indexOf(String(followed(fed).at(-1)));
  await consoles[first]?.kill();
  await callTimes(other.proxy, THRESHOLD, '?status=503');
  await refusalAt(fed.proxy);
  await passageAt(fed.proxy);
  expect(followed(fed)).toEqual([addresses[first], addresses[1 - first]]);
  const silent = async (): Promise<string[]> => (await fleetOf(consoles[1 - first] as ConsoleMember)).processes.filter((each) => each.silent).map(({ instance }) => instance);
  await eventually(async () => ((await silent()).join() === `console-${first + 1}` ? true : undefined), { what: 'the killed one alone to be silent' });
  expect(fed.output.split(ALONE)).toHaveLength(before);

  // Then the other: what happens meanwhile it hears of when one is back.
  const last = consoles[1 - first] as ConsoleMember;
  const { version } = (await last.client.breaker(HOST)).policy ?? {};
  await policy({ degraded: '10m' });
  await eventually(async () => ((await last.client.breaker(HOST)).policy?.version === version ? undefined : true), { what: 'the policy to be in force' });
  await last.kill();
  await becomesReady(fed, false);
  await callTimes(other.proxy, THRESHOLD, '?status=503');
  await refusalAt(other.proxy);
  expect(await callTimes(fed.proxy, 1)).toMatchObject([{ status: 200, degraded: false }]);
  await stage.console({ FUSEBOARD_GRPC_LISTEN: addresses[first] as string });
  await refusalAt(fed.proxy);
  await becomesReady(fed, true);
  expect(await stage.stop()).toEqual(expect.arrayContaining([0, 0, 0]));
});

/** Proxies that end, start, stand still, or are left alone by everything. */
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../../scenarios/load.ts';
import { eventually } from '../../support/eventually.ts';
import { freeze } from '../../support/freeze.ts';
import type { ProxyMember } from '../../support/fleet.ts';
import { isReady } from '../../support/program.ts';
import { Lease } from '../lease.ts';
import { claim, type Row, type Seen } from '../row.ts';
import type { Stage } from '../stage.ts';
import { CONNECTIONS } from '../calls.ts';
import { CALLED } from '../upstreams.ts';

/** Calls that a killed proxy may not have told of: its buffer holds at most 100 ms, and one send is in flight. */
const UNTOLD_MAX = 200;
const BACK_GOAL_SECONDS = 10;

async function restarted(stage: Stage): Promise<Seen> {
  const world = await stage.world({ proxies: [{}, {}, {}] });
  const [staying, killed, stopped] = world.proxies as [ProxyMember, ProxyMember, ProxyMember];
  const { lease } = await Lease.open(world, [staying]);
  await world.afterCalm(() => undefined);

  world.calls.leave(stopped.proxy);
  const code = await stopped.stop();
  claim(code === 0, `a proxy ends with 0 after SIGTERM, not ${code}`);
  await eventually(() => world.calls.lost.length >= CONNECTIONS || undefined, { what: 'its callers to be refused' });
  const drained = world.calls.lost.splice(0);
  const inFlight = drained.filter(({ failure }) => failure !== 'ECONNREFUSED');
  claim(inFlight.length === 0, `after SIGTERM only new connections are refused; also seen: ${inFlight.map(({ failure }) => failure).join(', ')}`);

  world.calls.leave(killed.proxy);
  await killed.kill();
  await eventually(() => world.calls.lost.length >= CONNECTIONS || undefined, { what: 'its callers to be gone' });
  const next = await world.proxy();
  const [status] = await Promise.all([isReady(next.admin), next.untilReady('admin')]);
  world.calls.begin(next.proxy);
  return await world.proven(
    `SIGTERM: no call in flight failed; kill -9: ${world.calls.lost.filter(({ failure }) => failure !== 'ECONNREFUSED').length} in flight; a new one was ${status ? '' : 'not '}ready at once; ${await lease.ended()} at the third`,
    { lostMax: UNTOLD_MAX },
  );
}

async function startsAlone(stage: Stage): Promise<Seen> {
  const { redis, link, viaLink } = await stage.linkedRedis();
  const world = await stage.world({ redisUrl: redis.url });
  link.refuses = true;
  await world.afterCalm(() => undefined);
  const alone = await world.proxy({ ...viaLink, FUSEBOARD_CONFIG_DIR: world.configDir });
  await eventually(async () => (await call({ proxy: alone.proxy, host: CALLED, path: '/' })).status === 200 || undefined, { what: 'a call to be passed on' });
  world.calls.begin(alone.proxy);
  await sleep(1_000 * stage.lasting(10, 5));
  claim(!(await isReady(alone.admin)), 'it is not ready without states');
  link.heal();
  const fromMs = performance.now();
  await alone.untilReady('admin');
  const seconds = (performance.now() - fromMs) / 1_000;
  return await world.proven('it served by its own documents, and said that it was not ready', { figures: [{ what: 'ready after Redis was there', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

async function stalled(stage: Stage): Promise<Seen> {
  const world = await stage.world({ proxies: [{}, {}] });
  const [frozen] = world.proxies as [ProxyMember];
  await world.afterCalm(() => freeze(frozen.pid));
  await sleep(5_000);
  frozen.signal('SIGCONT');
  const { lease, seconds } = await Lease.open(world);
  return await world.proven(await lease.ended(), { figures: [{ what: 'until every proxy refused, afterwards', seconds, goalSeconds: 2 }] });
}

async function allGone(stage: Stage): Promise<Seen> {
  const [kafka, redis] = await Promise.all([stage.kafka(), stage.redis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] })]);
  const world = await stage.world({ kafkaBrokers: kafka.brokers, redisUrl: redis.url, ingests: [{}, {}], proxies: [{}, {}] });
  await world.afterCalm(() => undefined);
  const { lease } = await Lease.open(world);
  await Promise.all([kafka.stop('SIGKILL'), redis.stop('SIGKILL'), ...world.ingests.map((ingest) => ingest.kill())]);
  const held = await lease.ended();
  await sleep(1_000 * stage.lasting(20, 1));
  const wrong = world.calls.wrong.length;
  claim(wrong === 0, `every call to a healthy upstream is answered as before; ${wrong} were not`);
  await Promise.all([kafka.start(), redis.start()]);
  await world.fleet.ready(await Promise.all([world.ingest(), world.ingest()]));
  const seconds = await world.handOver();
  return await world.proven(`no answer changed; ${held} meanwhile`, { figures: [{ what: 'lag zero after the ingests are ready again', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

export const PROXIES: readonly Row[] = [
  {
    id: 'proxy-restarted',
    fault: 'proxies end under load',
    how: 'SIGTERM to one, kill -9 of another, each with calls on several connections; a new one starts',
    promised: 'SIGTERM: no call in flight fails, every outcome is told; kill -9: only calls in flight fail; a new one is ready after its first sync',
    run: restarted,
  },
  {
    id: 'proxy-starts-alone',
    fault: 'a proxy starts with Redis out of reach',
    how: 'a TCP proxy before Redis resets each of its connections; it has a directory of its own',
    promised: 'it serves, is not ready, judges its own calls; ready by itself once Redis is there',
    run: startsAlone,
  },
  {
    id: 'proxy-stalled',
    fault: 'the event loop of a proxy stands still for 5 s',
    how: 'SIGSTOP of one of two for 5 s, then SIGCONT',
    promised: 'its calls wait, none fails; it knows the states again at once',
    run: stalled,
  },
  {
    id: 'everything-gone',
    fault: 'Kafka, Redis and every ingest are gone at once',
    how: 'kill -9 of all of them while a breaker is open; started again after its lease',
    promised: 'the answer of no call to a healthy upstream changes; the lease still ends; all is counted afterwards',
    isShort: true,
    run: allGone,
  },
];

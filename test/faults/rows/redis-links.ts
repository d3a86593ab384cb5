/** The path to Redis is bad: slow, hanging, half-open, cut for some, deaf to what is published. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { eventually } from '../../support/eventually.ts';
import type { FaultLink } from '../../support/fault-link.ts';
import type { ProxyMember } from '../../support/fleet.ts';
import { Lease } from '../lease.ts';
import { metric, metricOf } from '../metrics.ts';
import { claim, type Figure, type Row, type Seen } from '../row.ts';
import type { Stage } from '../stage.ts';
import { PARTITIONS } from '../upstreams.ts';
import type { World } from '../world.ts';

const BACK_GOAL_SECONDS = 10;
const CONVERGED_GOAL_SECONDS = 2;

const givenUp = ({ ingests }: World): number => ingests.flatMap(({ log }) => log).filter(({ msg }) => msg.includes('is given up')).length;

/** The same fault for every process of the fleet, for some time. */
async function forAll(stage: Stage, seconds: number, fault: (link: FaultLink) => void): Promise<Seen> {
  const { redis, link, viaLink } = await stage.linkedRedis();
  const world = await stage.world({ redisUrl: redis.url, ingests: [viaLink, viaLink], proxies: [viaLink] });
  await Promise.all(world.ingests.map((ingest) => world.folding(ingest, 2)));
  const before = givenUp(world);
  await world.afterCalm(() => fault(link));
  await sleep(1_000 * seconds);
  link.heal();
  const took = await world.handOver();
  claim(givenUp(world) === before, 'no partition is given up');
  return await world.proven('no partition was given up', { figures: [{ what: 'lag zero afterwards', seconds: took, goalSeconds: BACK_GOAL_SECONDS }] });
}

async function ingestCutOff(stage: Stage): Promise<Seen> {
  const { redis, link, viaLink } = await stage.linkedRedis();
  const world = await stage.world({ redisUrl: redis.url, ingests: [viaLink, {}] });
  await Promise.all(world.ingests.map((ingest) => world.folding(ingest, 2)));
  await world.afterCalm(() => undefined);
  let longest = 0;
  for (const lost of [['toServer', 'toClient'], ['toServer'], ['toClient']] as const) {
    for (const direction of lost) link.way[direction] = 'lost';
    await sleep(1_000 * stage.lasting(10, 5));
    link.heal();
    longest = Math.max(longest, await world.handOver());
  }
  const already = await metricOf(world.ingests, 'fuseboard_commits_total', 'ALREADY');
  return await world.proven(`${already} commits answered ALREADY`, { figures: [{ what: 'lag zero afterwards, at most', seconds: longest, goalSeconds: BACK_GOAL_SECONDS }] });
}

async function proxyCutOff(stage: Stage): Promise<Seen> {
  const { redis, link, viaLink } = await stage.linkedRedis();
  const world = await stage.world({ redisUrl: redis.url, proxies: [viaLink, {}] });
  const [cutOff, other] = world.proxies as [ProxyMember, ProxyMember];
  await world.afterCalm(() => link.swallow('lost'));
  await eventually(async () => (await metric(cutOff, 'fuseboard_local_partitions')) === PARTITIONS || undefined, { what: 'the proxy to judge alone', deadlineMs: 30_000 });
  const { lease } = await Lease.open(world, [other]);
  link.heal();
  const fromMs = performance.now();
  await eventually(async () => (await metric(cutOff, 'fuseboard_local_partitions')) === 0 || undefined, { what: 'the proxy to know the states', deadlineMs: 30_000, everyMs: 10 });
  const seconds = (performance.now() - fromMs) / 1_000;
  return await world.proven(`it judged alone meanwhile; ${await lease.ended()} at the other`, { figures: [{ what: 'until it knew the states again', seconds, goalSeconds: 5 }] });
}

/** What is published is swallowed; all else passes. */
async function publishedLost(stage: Stage): Promise<Seen> {
  const { redis, link, viaLink } = await stage.linkedRedis();
  const world = await stage.world({ redisUrl: redis.url, proxies: [viaLink, viaLink] });
  let swallowed = 0;
  await world.afterCalm(() => {
    link.watcher = (bytes, direction) => {
      if (direction === 'toServer' || !bytes.includes('message') || !bytes.includes('}:changes')) return 'pass';
      swallowed++;
      return 'swallow';
    };
  });
  const { lease, seconds } = await Lease.open(world);
  const held = await lease.ended();
  claim(swallowed > 0, 'messages are lost');
  return await world.proven(`${swallowed} messages lost; ${held}`, { figures: [{ what: 'until every proxy refused', seconds, goalSeconds: CONVERGED_GOAL_SECONDS }] });
}

async function subscribersKilled(stage: Stage): Promise<Seen> {
  const redis = await stage.redis();
  const world = await stage.world({ redisUrl: redis.url, proxies: [{}, {}] });
  const client = new Redis(redis.url);
  const figures: Figure[] = [];
  try {
    let killed = 0;
    const kill = async (): Promise<void> => void (killed += Number(await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub')));
    await world.afterCalm(kill);
    const killing = setInterval(() => void kill().catch(() => undefined), 300);
    const { lease, seconds } = await Lease.open(world);
    figures.push({ what: 'until every proxy refused', seconds, goalSeconds: CONVERGED_GOAL_SECONDS });
    clearInterval(killing);
    return await world.proven(`${killed} subscribers killed; ${await lease.ended()}`, { figures });
  } finally {
    client.disconnect();
  }
}

export const REDIS_LINKS: readonly Row[] = [
  {
    id: 'redis-slow',
    fault: 'Redis takes 500 ms for everything',
    how: 'a TCP proxy before Redis delays each direction by 250 ms for 20 s',
    promised: 'slower, and nothing else; ingests stay in their group',
    run: (stage) => forAll(stage, stage.lasting(20, 6), (link) => link.delay(250)),
  },
  {
    id: 'redis-hangs',
    fault: 'Redis hangs',
    how: 'a TCP proxy before Redis swallows all in both directions for 30 s and closes nothing',
    promised: 'calls to Redis end in time and are tried again; ingests stay in their group',
    run: (stage) => forAll(stage, stage.lasting(30, 8), (link) => link.swallow('lost')),
  },
  {
    id: 'redis-half-open',
    fault: 'connections to Redis are half-open',
    how: 'a TCP proxy before Redis passes requests on and swallows answers for 20 s',
    promised: 'what was committed and not answered is answered ALREADY, and counted once',
    run: (stage) => forAll(stage, stage.lasting(20, 6), (link) => void (link.way.toClient = 'lost')),
  },
  {
    id: 'redis-resets',
    fault: 'connections to Redis break in the middle of a message',
    how: 'a TCP proxy before Redis cuts every connection 100 bytes later, each 500 ms in one direction and the other, resetting them in between, for 10 s',
    promised: 'connected again, sent again, counted once',
    run: async (stage) => {
      let timer: NodeJS.Timeout | undefined;
      let turn = 0;
      const seen = await forAll(stage, stage.lasting(10, 5), (link) => {
        timer = setInterval(() => {
          const kind = turn++ % 3;
          if (kind === 2) link.reset();
          else link.cutAfter(kind === 0 ? 'toServer' : 'toClient', 100);
        }, 500);
        setTimeout(() => clearInterval(timer), 1_000 * stage.lasting(10, 5));
      }).finally(() => clearInterval(timer));
      return seen;
    },
  },
  {
    id: 'ingest-redis-cut',
    fault: 'an ingest is cut off from Redis alone',
    how: 'a TCP proxy between one of two ingests and Redis swallows all, then only requests, then only answers, 10 s each',
    promised: 'its partitions wait for it, the others go on; nothing counted twice',
    run: ingestCutOff,
  },
  {
    id: 'proxy-redis-cut',
    fault: 'a proxy is cut off from Redis alone',
    how: 'a TCP proxy between one of two proxies and Redis swallows all until it judges alone',
    promised: 'calls as before; it judges its own calls; states are whole soon after',
    run: proxyCutOff,
  },
  {
    id: 'published-lost',
    fault: 'what Redis publishes is lost',
    how: 'a TCP proxy before Redis swallows each message to subscribers, and nothing else',
    promised: 'proxies converge ≤ 2 s all the same, by the comparison each second',
    isShort: true,
    run: publishedLost,
  },
  {
    id: 'subscribers-killed',
    fault: 'subscribers are cut off',
    how: 'CLIENT KILL TYPE pubsub each 300 ms while a breaker opens',
    promised: 'subscribed and read again; proxies converge ≤ 2 s',
    run: subscribersKilled,
  },
];

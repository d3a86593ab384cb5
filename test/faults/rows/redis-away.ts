/** Redis is away, forgets, or falls back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { eventually } from '../../support/eventually.ts';
import type { RedisServer } from '../../support/services/redis.ts';
import { watchCommits } from '../commit-watch.ts';
import { Lease } from '../lease.ts';
import { metricOf } from '../metrics.ts';
import { claim, type Row, type Seen } from '../row.ts';
import type { Stage } from '../stage.ts';
import type { World } from '../world.ts';

const BACK_GOAL_SECONDS = 10;
/** Each commit on disk before it is answered. */
const KEEPING = ['--appendonly', 'yes', '--appendfsync', 'always'];

/** How often partitions came to an ingest, which a rebalance alone brings about. */
const claims = ({ ingests }: World): number => ingests.flatMap(({ log }) => log).filter(({ msg }) => msg.includes('is folded here')).length;

async function command<T>(server: RedisServer, ask: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server.url);
  try {
    return await ask(redis);
  } finally {
    redis.disconnect();
  }
}

async function down(stage: Stage): Promise<Seen> {
  const redis = await stage.redis({ args: KEEPING });
  const world = await stage.world({ redisUrl: redis.url, ingests: [{}, {}], proxies: [{}, {}] });
  await Promise.all(world.ingests.map((ingest) => world.folding(ingest, 2)));
  const before = claims(world);
  await world.afterCalm(() => redis.stop('SIGKILL'));
  await sleep(1_000 * stage.lasting(60, 8));
  await redis.start();
  const seconds = await world.handOver();
  claim(claims(world) === before, 'no partition changes hands');
  return await world.proven('no partition changed hands', { figures: [{ what: 'lag zero after Redis is back', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

async function flushed(stage: Stage): Promise<Seen> {
  const redis = await stage.redis();
  const world = await stage.world({ redisUrl: redis.url, proxies: [{}, {}] });
  await world.afterCalm(() => undefined);
  const { lease } = await Lease.open(world);
  let seconds = 0;
  for (let i = 0; i < 3; i++) {
    await command(redis, (client) => client.flushall());
    seconds = Math.max(seconds, await world.handOver());
  }
  const held = await lease.ended();
  const answered = await metricOf(world.ingests, 'fuseboard_commits_total', 'REGRESSED');
  claim(answered > 0, 'a commit is answered REGRESSED');
  return await world.proven(`FLUSHALL three times; ${held}; ${answered} commits answered REGRESSED`, { figures: [{ what: 'longest until written again', seconds, goalSeconds: 2 }] });
}

async function failedOver(stage: Stage): Promise<Seen> {
  const { redis, link, viaLink } = await stage.linkedRedis();
  const replica = await stage.redis({ args: ['--replicaof', '127.0.0.1', `${redis.port}`] });
  const world = await stage.world({ redisUrl: viaLink['FUSEBOARD_REDIS_URL'] as string, proxies: [{}, {}] });
  await command(replica, (client) => eventually(async () => (await client.info('replication')).includes('master_link_status:up') || undefined, { what: 'the replica to follow' }));
  // From here on it hears nothing more: what is committed meanwhile is lost.
  await world.afterCalm(() => command(replica, (client) => client.replicaof('NO', 'ONE')));
  const { lease } = await Lease.open(world);
  await sleep(2_000);
  link.target = replica.port;
  await redis.stop('SIGKILL');
  const fromMs = performance.now();
  const seconds = await world.handOver(fromMs);
  const held = await lease.ended();
  const answered = await metricOf(world.ingests, 'fuseboard_commits_total', 'REGRESSED');
  claim(answered > 0, 'a commit is answered REGRESSED');
  return await world.proven(`2 s of commits lost; ${held}, opened in what was lost; ${answered} commits answered REGRESSED`, { figures: [{ what: 'until all is written again', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

/** Of so many commits one loses its reply. */
const LOST_EACH = 3;

async function replyLost(stage: Stage): Promise<Seen> {
  const { redis, link, viaLink } = await stage.linkedRedis();
  const world = await stage.world({ redisUrl: redis.url, ingests: [viaLink] });
  let [commits, lost] = [0, 0];
  await world.afterCalm(() =>
    watchCommits(link, {
      request: () => 'pass',
      reply: () => {
        if (++commits % LOST_EACH > 0) return 'pass';
        lost++;
        return 'cut';
      },
    }),
  );
  await sleep(1_000 * stage.lasting(20, 6));
  link.heal();
  const seconds = await world.handOver();
  const answered = await metricOf(world.ingests, 'fuseboard_commits_total', 'ALREADY');
  claim(answered > 0, 'a commit sent again is answered ALREADY');
  return await world.proven(`cut ${lost} times, ${answered} commits answered ALREADY`, { figures: [{ what: 'lag zero afterwards', seconds, goalSeconds: BACK_GOAL_SECONDS }] });
}

export const REDIS_AWAY: readonly Row[] = [
  {
    id: 'redis-down',
    fault: 'Redis is down for 60 s',
    how: 'kill -9, started again 60 s later with what it had on disk',
    promised: 'partitions stay where they are; calls as before; lag zero ≤ 10 s after Redis is back',
    isShort: true,
    run: down,
  },
  {
    id: 'flushall',
    fault: 'FLUSHALL',
    how: 'three times, while a breaker is open',
    promised: 'unknown, not closed: proxies go on refusing what is open; all is written again in about a second',
    isShort: true,
    run: flushed,
  },
  {
    id: 'redis-failed-over',
    fault: 'Redis fails over and has lost the last writes',
    how: 'a replica is cut off from its primary for 2 s of commits, then promoted; the primary is killed',
    promised: 'REGRESSED, and all is written again; no proxy goes back',
    isShort: true,
    run: failedOver,
  },
  {
    id: 'commit-reply-lost',
    fault: 'the answer to a commit is lost',
    how: 'a TCP proxy before Redis cuts the connection instead of passing the answer on, at every third commit',
    promised: 'sent again, answered ALREADY, counted once',
    isShort: true,
    run: replyLost,
  },
];

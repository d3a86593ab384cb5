/**
 * Many who follow, in a process of their own: as many proxies as are asked for, each with a connection of its own, as they
 * hear from a console or from Redis. What they hear of the watched upstream is told by generation, with the time.
 */
import { credentials } from '@grpc/grpc-js';
import { Redis } from 'ioredis';
import { readChange } from '../libs/drivers/src/redis/change.ts';
import { parseAddress, type Address } from '#runtime';
import { openConsole } from '../libs/drivers/src/console/console.ts';
import { breakerService } from './breaker-service.ts';
import { PARTITIONS } from './fleet.ts';

export interface MembersOrder {
  readonly members: number;
  readonly upstream: string;
  /** HOST:PORT of a console's gRPC, to follow or to watch; or a Redis and the channel. */
  readonly of: { readonly console: string; readonly topicPrefix: string } | { readonly watched: string } | { readonly redisUrl: string; readonly channel: string };
}

export type MembersReport =
  | { readonly kind: 'ready' }
  /** All members of this process have heard of this generation; by the machine's monotonic clock, ms. */
  | { readonly kind: 'heard'; readonly generation: number; readonly atMs: readonly number[] };

/** Connections begun at once. */
const AT_ONCE = 5;

export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

if (process.send !== undefined) process.once('message', (order: MembersOrder) => void run(order));

const report = (message: MembersReport): void => void process.send?.(message);

async function run({ members, upstream, of }: MembersOrder): Promise<void> {
  /** By generation. */
  const heard = new Map<number, number[]>();
  const hear = (generation: number): void => {
    const times = heard.get(generation) ?? [];
    heard.set(generation, times);
    times.push(machineMs());
    if (times.length < members) return;
    heard.delete(generation);
    report({ kind: 'heard', generation, atMs: times });
  };
  const begin = (): Promise<void> => {
    if ('console' in of) return follow(of, upstream, hear);
    return 'watched' in of ? watch(of.watched, upstream, hear) : subscribe(of, upstream, hear);
  };
  for (let begun = 0; begun < members; begun += AT_ONCE) await Promise.all(Array.from({ length: Math.min(AT_ONCE, members - begun) }, begin));
  report({ kind: 'ready' });
}

/** By a proxy's own driver: it comes again by itself. */
async function follow({ console: address, topicPrefix }: { console: string; topicPrefix: string }, watched: string, hear: (generation: number) => void): Promise<void> {
  const { stateFeed } = openConsole({
    consoles: [parseAddress(address) as Address],
    credentials: () => ({ token: undefined, tls: undefined }),
    partitions: PARTITIONS,
    topicPrefix,
    reach: { failed: () => {}, reached: () => {} },
    onError: (error, doing) => console.error(doing, error),
  });
  let isBegun = false;
  await stateFeed.follow(({ snapshots }) => {
    for (const { upstream, generation } of snapshots) if (isBegun && upstream === watched) hear(generation);
  });
  isBegun = true;
}

/** As a program does by the .proto file. */
async function watch(address: string, watched: string, hear: (generation: number) => void): Promise<void> {
  const stream = new (breakerService())(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }).WatchBreakers({});
  stream.on('data', ({ upstream, generation }) => upstream === watched && hear(generation));
  await new Promise((resolve, reject) => stream.once('metadata', resolve).on('error', reject));
}

async function subscribe({ redisUrl, channel }: { redisUrl: string; channel: string }, watched: string, hear: (generation: number) => void): Promise<void> {
  const redis = new Redis(redisUrl);
  await redis.subscribe(channel);
  redis.on('messageBuffer', (_channel: Buffer, message: Buffer) => {
    for (const { upstream, generation } of readChange(message).snapshots() ?? []) if (upstream === watched) hear(generation);
  });
}

/**
 * The clients of ioredis that we use, and the only place that makes them: each with every limit set, since by default it
 * has none. Nothing is sent twice by itself but what a node refused to do (MOVED, ASK, TRYAGAIN): whoever asks knows
 * whether a command may be repeated (K2, ALREADY). Options never come from the URL's query.
 */
import type { SecureContext } from 'node:tls';
import { Cluster, Redis, type ClusterOptions, type RedisCommander, type RedisOptions } from 'ioredis';
import type { RedisConfig, RedisPlace } from '#runtime';

/** How long a call may wait for the connection, and then once more for its answer. */
export const COMMAND_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
/** A socket that owes an answer and has been silent for so long is given up: the peer is gone, or the path to it. */
const SILENCE_MAX_MS = 3_000;
/** Wait for the peer's side of a close. */
export const DISCONNECT_TIMEOUT_MS = 500;
const KEEP_ALIVE_AFTER_MS = 10_000;
const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 1_000;
/** After a refused MOVED, ASK or TRYAGAIN; what is left of the command's second bounds it too. */
const REDIRECTIONS_MAX = 5;
const TRY_AGAIN_AFTER_MS = 100;
/** Which node has which slot is also asked for whenever a command fails; each time is a connection of its own. */
const SLOTS_EACH_MS = 30_000;
/** Of one process's detector; a fail-over is told by each. */
const DETECTED_SENTINELS_MAX = 3;

/** What both a `Redis` and a `Cluster` can be asked. */
export type Commands = RedisCommander;

/** What a connection is for: commits and claims, reading, listening. */
export type ClientRole = 'store' | 'reader' | 'subscriber';

export interface ClientOptions {
  readonly place: RedisPlace;
  /** Undefined: no TLS. Asked for at each connect, so that a renewed certificate needs no restart. */
  readonly secureContext: (() => SecureContext) | undefined;
  readonly sentinelLogin: RedisConfig['redisSentinel'];
  readonly role: ClientRole;
  /** As `CLIENT LIST` shall show it. */
  readonly name: string;
}

/** Whose answers have the shapes that are the default. */
type Options = Omit<RedisOptions, 'replyMapping'>;

/** Jittered, doubling from 50 ms to a second, for ever. */
const reconnectAfterMs = (times: number): number => Math.min(RECONNECT_MAX_MS, RECONNECT_FIRST_MS * 2 ** times) * (0.5 + Math.random() / 2);

const LIMITS = {
  disableClientInfo: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  commandTimeout: COMMAND_TIMEOUT_MS,
  socketTimeout: SILENCE_MAX_MS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  keepAlive: KEEP_ALIVE_AFTER_MS,
  // What was sent and not answered is rejected as the connection ends: 0 retries.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  // What comes after a reconnection has an order (V3), so whoever subscribed subscribes again.
  autoResubscribe: false,
  // Its INFO is a permission more; a server that is still loading says so in answer to the ping.
  enableReadyCheck: false,
  // After a fail-over the address leads to the new primary, an open connection to the old one.
  reconnectOnError: (error: Error) => error.message.includes('READONLY'),
} as const satisfies RedisOptions;

/**
 * ioredis listens for the first error of each socket alone. TLS may have two, a certificate that we refuse and the server's word
 * on that, and an error that nobody listens for ends the process. So each gets a listener as ioredis takes it, also in the
 * clients that ioredis makes by itself, for Sentinels and for a Cluster's nodes.
 */
const streams = new WeakMap<Redis, Redis['stream']>();
Object.defineProperty(Redis.prototype, 'stream', {
  get(this: Redis): Redis['stream'] | undefined {
    return streams.get(this);
  },
  set(this: Redis, stream: Redis['stream']) {
    streams.set(this, stream.on('error', () => undefined));
  },
});

/** Begins to connect. */
export function openClient(options: ClientOptions): Redis | Cluster {
  const { place, role } = options;
  if (place.kind === 'single') return new Redis({ ...ofServer(options), ...place.address, db: place.database });
  if (place.kind === 'sentinel') return new Redis({ ...ofServer(options), ...bySentinels(options, place) });
  return role === 'subscriber' ? openListener(options, place.addresses) : openCluster(options, place.addresses);
}

/** To one server; nothing waits in a queue. */
function ofServer(options: ClientOptions): Options {
  return { ...LIMITS, ...loginOf(options), enableOfflineQueue: false, retryStrategy: reconnectAfterMs };
}

function bySentinels({ sentinelLogin, role, ...rest }: ClientOptions, { addresses, primary, database }: RedisPlace & { kind: 'sentinel' }): Options {
  const tls = tlsOf(rest);
  return {
    sentinels: addresses.map((address) => ({ ...address })),
    name: primary,
    role: 'master',
    db: database,
    // Says which role the server has: a Sentinel that is behind names the old primary.
    enableReadyCheck: true,
    maxLoadingRetryTime: RECONNECT_MAX_MS,
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
    sentinelRetryStrategy: reconnectAfterMs,
    // An old primary that is cut off from the others answers on and on; the Sentinels tell of the new one.
    failoverDetector: role === 'store',
    sentinelMaxConnections: DETECTED_SENTINELS_MAX,
    ...(sentinelLogin === undefined ? {} : { sentinelPassword: sentinelLogin.password.reveal() }),
    ...(sentinelLogin?.username === undefined ? {} : { sentinelUsername: sentinelLogin.username }),
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
}

/** Without connection it refuses; what ioredis would have it queue then has no time-out, and may wait for ever. */
class BoundedCluster extends Cluster {
  override sendCommand(...args: Parameters<Cluster['sendCommand']>): unknown {
    const [command] = args;
    if (this.status === 'ready' || command.name === 'cluster') return super.sendCommand(...args);
    command.reject(new Error('Connection is closed.'));
    return command.promise;
  }
}

/**
 * Its nodes queue what is asked while they connect, which ioredis leaves no choice about: for `CONNECT_TIMEOUT_MS` at
 * most, and who asked was answered after `COMMAND_TIMEOUT_MS`. A commit that goes out after that is a late one (K2).
 */
function openCluster(options: ClientOptions, addresses: readonly { host: string; port: number }[]): Cluster {
  const cluster = {
    redisOptions: { ...LIMITS, ...loginOf(options) },
    // Names are looked up by the socket, so that certificates are compared with them and not with addresses.
    dnsLookup: (host: string, found: (error: null, address: string) => void) => found(null, host),
    clusterRetryStrategy: reconnectAfterMs,
    enableReadyCheck: false,
    enableOfflineQueue: true,
    scaleReads: 'master',
    maxRedirections: REDIRECTIONS_MAX,
    retryDelayOnTryAgain: TRY_AGAIN_AFTER_MS,
    // 0: never. A command whose connection ended may have been done.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: COMMAND_TIMEOUT_MS,
    slotsRefreshInterval: SLOTS_EACH_MS,
  } satisfies ClusterOptions;
  return new BoundedCluster(addresses.map((address) => ({ ...address })), cluster);
}

/** Every node of a Cluster hears what any of them is told, so one is enough; the next one each time that one is lost. */
function openListener(options: ClientOptions, addresses: readonly { host: string; port: number }[]): Redis {
  let at = Math.floor(Math.random() * addresses.length);
  const next = (): { host: string; port: number } => ({ ...(addresses[at++ % addresses.length] as { host: string; port: number }) });
  const redis: Redis = new Redis({
    ...ofServer(options),
    ...next(),
    retryStrategy: (times) => {
      // Read again at each connect.
      Object.assign(redis.options, next());
      return reconnectAfterMs(times);
    },
  });
  return redis;
}

function loginOf({ place: { username, password }, name, secureContext }: Pick<ClientOptions, 'place' | 'name' | 'secureContext'>): Options {
  const tls = tlsOf({ secureContext });
  return {
    connectionName: name,
    ...(username === undefined ? {} : { username, password: '' }),
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function tlsOf({ secureContext }: Pick<ClientOptions, 'secureContext'>): NonNullable<RedisOptions['tls']> | undefined {
  if (secureContext === undefined) return undefined;
  return {
    get secureContext() {
      return secureContext();
    },
  };
}

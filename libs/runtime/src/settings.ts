/**
 * Every setting there is: its names, its default, what it takes. docs/configuration.md has the same table for people,
 * and a test compares the two.
 */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { TOKENS_ALLOWED, parseTokens } from './access/tokens.ts';
import { ADDRESS_ALLOWED, parseAddress, type Address } from './address.ts';
import { parseRedisUrl, REDIS_URL_ALLOWED } from './redis-url.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Setting<T> {
  /** Environment variable. */
  readonly variable: string;
  /** `npm start`'s flag, if it has one. */
  readonly flag?: string;
  /** Never printed, and also read from the file that `…_FILE` (`…File` in the configuration file) names. */
  readonly secret?: true;
  /** What it takes, in words. */
  readonly allowed: string;
  /** As it would be written; undefined: not set. */
  readonly fallback: string | undefined;
  /** Gives undefined for what isn't allowed. */
  readonly parse: (text: string) => T | undefined;
}

type Rule<T> = Pick<Setting<T>, 'allowed' | 'parse'>;

/** Of a login; nothing that would end a line. */
const printable = (max: number): Rule<string> => matching(new RegExp(`^[^\\p{Cc}]{1,${max}}$`, 'u'), `1 to ${max} characters, none of them a control character`);

const address: Rule<Address> = { allowed: ADDRESS_ALLOWED, parse: parseAddress };
const text: Rule<string> = { allowed: 'a path', parse: (written) => written };

function oneOf<const T extends string>(...values: readonly T[]): Rule<T> {
  return { allowed: values.join(', '), parse: (written) => values.find((value) => value === written) };
}

function matching(pattern: RegExp, allowed: string): Rule<string> {
  return { allowed, parse: (written) => (pattern.test(written) ? written : undefined) };
}

const login = matching(/^\S{1,512}$/, '1 to 512 characters, no spaces');

const BROKERS_MAX = 100;
const brokers: Rule<readonly Address[]> = {
  allowed: `HOST:PORT, or several with commas between them (at most ${BROKERS_MAX}), such as kafka-1:9092,kafka-2:9092`,
  parse(written) {
    const found = written.split(',').map((part) => parseAddress(part));
    const good = found.filter((broker) => broker !== undefined && broker.port > 0) as Address[];
    return good.length === found.length && good.length <= BROKERS_MAX ? good : undefined;
  },
};

const CONSOLES_MAX = 20;
const statesFrom: Rule<'redis' | readonly Address[]> = {
  allowed: `redis, or HOST:PORT of a console's gRPC, or of several with commas between them (at most ${CONSOLES_MAX})`,
  parse(written) {
    if (written === 'redis') return written;
    const found = written.split(',').map((part) => parseAddress(part));
    const good = found.filter((console) => console !== undefined && console.port > 0) as Address[];
    return good.length === found.length && good.length <= CONSOLES_MAX ? good : undefined;
  },
};

const tokens: Rule<readonly string[]> = { allowed: TOKENS_ALLOWED, parse: parseTokens };

const NAMES_MAX = 1_000;
const names: Rule<readonly string[]> = {
  allowed: `names with commas between them (at most ${NAMES_MAX}), each the common name, DNS name, URI or email address of a certificate`,
  parse(written) {
    const found = written.split(',').map((part) => part.trim());
    return found.length <= NAMES_MAX && found.every((name) => /^[^\p{Cc}]{1,512}$/u.test(name)) ? found : undefined;
  },
};

const redisUrl: Rule<string> = { allowed: REDIS_URL_ALLOWED, parse: (written) => (parseRedisUrl(written) === undefined ? undefined : written) };

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function duration(minMs: number, maxMs: number, allowed: string): Rule<number> {
  return {
    allowed,
    parse(written) {
      if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(written)) return undefined;
      const parts = [...written.matchAll(/([\d.]+)(ms|s|m|h)/g)];
      const ms = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (UNIT_MS[unit ?? ''] ?? Number.NaN), 0);
      return ms >= minMs && ms <= maxMs ? ms : undefined;
    },
  };
}

function wholeNumber(min: number, max: number): Rule<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse(written) {
      const value = /^\d{1,9}$/.test(written) ? Number(written) : Number.NaN;
      return value >= min && value <= max ? value : undefined;
    },
  };
}

const WORKERS_MAX = 128;
const workers: Rule<number> = {
  allowed: `auto (one for each core that this process may use) or a whole number from 1 to ${WORKERS_MAX}`,
  parse: (written) => (written === 'auto' ? Math.min(availableParallelism(), WORKERS_MAX) : wholeNumber(1, WORKERS_MAX).parse(written)),
};

const NETWORKS_MAX = 1_000;
const networks: Rule<readonly string[]> = {
  allowed: `ADDRESS/BITS, or several with commas between them (at most ${NETWORKS_MAX}), such as 10.0.0.0/8,fd00::/8`,
  parse(written) {
    const found = written.split(',').map((part) => part.trim());
    return found.length <= NETWORKS_MAX && found.every(isNetwork) ? found : undefined;
  },
};

function isNetwork(written: string): boolean {
  const [, host = '', bits = ''] = /^([^/]+)\/(\d{1,3})$/.exec(written) ?? [];
  const version = isIP(host);
  return version !== 0 && !host.includes('%') && Number(bits) <= (version === 4 ? 32 : 128);
}

function setting<T>(of: Setting<T>): Setting<T> {
  return of;
}

const UP_TO_A_DAY = duration(100, 86_400_000, 'a duration from 100ms to 24h, such as 15s');

/** Of the proxy's data plane; what they do is in #http-proxy's options, whose defaults these are. */
const PROXY_SETTINGS = {
  proxyWorkers: setting({ variable: 'FUSEBOARD_PROXY_WORKERS', fallback: '1', ...workers }),
  proxyReady: setting({ variable: 'FUSEBOARD_PROXY_READY', fallback: 'fleet', ...oneOf('fleet', 'serving') }),
  proxyTlsCert: setting({ variable: 'FUSEBOARD_PROXY_TLS_CERT', fallback: undefined, ...text }),
  proxyTlsKey: setting({ variable: 'FUSEBOARD_PROXY_TLS_KEY', fallback: undefined, ...text }),
  proxyTlsCa: setting({ variable: 'FUSEBOARD_PROXY_TLS_CA', fallback: undefined, ...text }),
  proxyTrustedNetworks: setting({ variable: 'FUSEBOARD_PROXY_TRUSTED_NETWORKS', fallback: undefined, ...networks }),
  proxyResponseTimeout: setting({ variable: 'FUSEBOARD_PROXY_RESPONSE_TIMEOUT', fallback: '15s', ...UP_TO_A_DAY }),
  proxyIdleTimeout: setting({ variable: 'FUSEBOARD_PROXY_IDLE_TIMEOUT', fallback: '30s', ...UP_TO_A_DAY }),
  proxyClientHeadTimeout: setting({ variable: 'FUSEBOARD_PROXY_CLIENT_HEAD_TIMEOUT', fallback: '10s', ...UP_TO_A_DAY }),
  proxyClientBodyTimeout: setting({ variable: 'FUSEBOARD_PROXY_CLIENT_BODY_TIMEOUT', fallback: '30s', ...UP_TO_A_DAY }),
  proxyKeepAlive: setting({ variable: 'FUSEBOARD_PROXY_KEEP_ALIVE', fallback: '60s', ...UP_TO_A_DAY }),
  proxyUpstreamKeepAlive: setting({ variable: 'FUSEBOARD_PROXY_UPSTREAM_KEEP_ALIVE', fallback: '4s', ...UP_TO_A_DAY }),
  proxyDrainTimeout: setting({
    variable: 'FUSEBOARD_PROXY_DRAIN_TIMEOUT',
    fallback: '7s',
    ...duration(0, 3_600_000, 'a duration from 0s to 1h, such as 7s'),
  }),
  proxyMaxConnections: setting({ variable: 'FUSEBOARD_PROXY_MAX_CONNECTIONS', fallback: '50000', ...wholeNumber(1, 1_000_000) }),
  proxyMaxConnectionsPerClient: setting({ variable: 'FUSEBOARD_PROXY_MAX_CONNECTIONS_PER_CLIENT', fallback: '25000', ...wholeNumber(1, 1_000_000) }),
  proxyMaxRequestsPerConnection: setting({ variable: 'FUSEBOARD_PROXY_MAX_REQUESTS_PER_CONNECTION', fallback: '10000', ...wholeNumber(1, 100_000_000) }),
  proxyMaxHeaderBytes: setting({ variable: 'FUSEBOARD_PROXY_MAX_HEADER_BYTES', fallback: '16384', ...wholeNumber(1_024, 1_048_576) }),
  proxyMaxHeaders: setting({ variable: 'FUSEBOARD_PROXY_MAX_HEADERS', fallback: '100', ...wholeNumber(10, 10_000) }),
  proxyMaxUrlBytes: setting({ variable: 'FUSEBOARD_PROXY_MAX_URL_BYTES', fallback: '8192', ...wholeNumber(256, 1_048_576) }),
  proxyMaxStreams: setting({ variable: 'FUSEBOARD_PROXY_MAX_STREAMS', fallback: '100', ...wholeNumber(1, 10_000) }),
} as const;

/** By their names in the configuration file. */
export const SETTINGS = {
  proxyListen: setting({ variable: 'FUSEBOARD_PROXY_LISTEN', flag: '--proxy', fallback: '127.0.0.1:8080', ...address }),
  consoleListen: setting({ variable: 'FUSEBOARD_CONSOLE_LISTEN', flag: '--console', fallback: '127.0.0.1:8090', ...address }),
  grpcListen: setting({ variable: 'FUSEBOARD_GRPC_LISTEN', flag: '--grpc', fallback: '127.0.0.1:50051', ...address }),
  adminListen: setting({ variable: 'FUSEBOARD_ADMIN_LISTEN', fallback: '127.0.0.1:9464', ...address }),
  configDir: setting({ variable: 'FUSEBOARD_CONFIG_DIR', flag: '--config', fallback: undefined, ...text, allowed: 'a directory that can be read' }),
  dataDir: setting({ variable: 'FUSEBOARD_DATA_DIR', flag: '--data', fallback: './data', ...text, allowed: 'a directory, or :memory: to keep nothing' }),
  kafkaBrokers: setting({ variable: 'FUSEBOARD_KAFKA_BROKERS', fallback: undefined, ...brokers }),
  kafkaTls: setting({ variable: 'FUSEBOARD_KAFKA_TLS', fallback: 'false', ...oneOf('false', 'true') }),
  kafkaTlsCa: setting({ variable: 'FUSEBOARD_KAFKA_TLS_CA', fallback: undefined, ...text }),
  kafkaTlsCert: setting({ variable: 'FUSEBOARD_KAFKA_TLS_CERT', fallback: undefined, ...text }),
  kafkaTlsKey: setting({ variable: 'FUSEBOARD_KAFKA_TLS_KEY', fallback: undefined, ...text }),
  kafkaSaslMechanism: setting({ variable: 'FUSEBOARD_KAFKA_SASL_MECHANISM', fallback: undefined, ...oneOf('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512') }),
  kafkaSaslUsername: setting({ variable: 'FUSEBOARD_KAFKA_SASL_USERNAME', fallback: undefined, ...printable(256) }),
  kafkaSaslPassword: setting({ variable: 'FUSEBOARD_KAFKA_SASL_PASSWORD', fallback: undefined, secret: true, ...printable(4_096) }),
  redisUrl: setting({ variable: 'FUSEBOARD_REDIS_URL', fallback: undefined, secret: true, ...redisUrl }),
  redisTlsCa: setting({ variable: 'FUSEBOARD_REDIS_TLS_CA', fallback: undefined, ...text }),
  redisTlsCert: setting({ variable: 'FUSEBOARD_REDIS_TLS_CERT', fallback: undefined, ...text }),
  redisTlsKey: setting({ variable: 'FUSEBOARD_REDIS_TLS_KEY', fallback: undefined, ...text }),
  redisSentinelUsername: setting({ variable: 'FUSEBOARD_REDIS_SENTINEL_USERNAME', fallback: undefined, ...login }),
  redisSentinelPassword: setting({ variable: 'FUSEBOARD_REDIS_SENTINEL_PASSWORD', fallback: undefined, secret: true, ...login }),
  statesTls: setting({ variable: 'FUSEBOARD_STATES_TLS', fallback: 'false', ...oneOf('false', 'true') }),
  statesTlsCa: setting({ variable: 'FUSEBOARD_STATES_TLS_CA', fallback: undefined, ...text }),
  statesTlsCert: setting({ variable: 'FUSEBOARD_STATES_TLS_CERT', fallback: undefined, ...text }),
  statesTlsKey: setting({ variable: 'FUSEBOARD_STATES_TLS_KEY', fallback: undefined, ...text }),
  statesFrom: setting({ variable: 'FUSEBOARD_STATES_FROM', fallback: 'redis', ...statesFrom }),
  topicPrefix: setting({
    variable: 'FUSEBOARD_TOPIC_PREFIX',
    fallback: 'fuseboard.',
    ...matching(/^[A-Za-z0-9._-]{1,100}$/, '1 to 100 of the letters a to z, A to Z, digits and . _ -'),
  }),
  redisPrefix: setting({
    variable: 'FUSEBOARD_REDIS_PREFIX',
    fallback: 'fuseboard:',
    // Braces would be taken for a hash tag, and send every key to one slot of a Cluster.
    ...matching(/^[A-Za-z0-9._:/-]{1,100}$/, '1 to 100 of the letters a to z, A to Z, digits and . _ : / -'),
  }),
  partitions: setting({ variable: 'FUSEBOARD_PARTITIONS', fallback: '12', ...wholeNumber(1, 1_000) }),
  instance: setting({
    variable: 'FUSEBOARD_INSTANCE',
    fallback: undefined,
    ...matching(/^[A-Za-z0-9._-]{1,128}$/, '1 to 128 of the letters a to z, A to Z, digits and . _ -'),
  }),
  standby: setting({ variable: 'FUSEBOARD_STANDBY', fallback: 'false', ...oneOf('false', 'true') }),
  token: setting({
    variable: 'FUSEBOARD_TOKEN',
    fallback: undefined,
    secret: true,
    ...tokens,
  }),
  readToken: setting({ variable: 'FUSEBOARD_READ_TOKEN', fallback: undefined, secret: true, ...tokens }),
  consoleTlsCert: setting({ variable: 'FUSEBOARD_CONSOLE_TLS_CERT', fallback: undefined, ...text }),
  consoleTlsKey: setting({ variable: 'FUSEBOARD_CONSOLE_TLS_KEY', fallback: undefined, ...text }),
  consoleTlsCa: setting({ variable: 'FUSEBOARD_CONSOLE_TLS_CA', fallback: undefined, ...text }),
  consoleTlsWriters: setting({ variable: 'FUSEBOARD_CONSOLE_TLS_WRITERS', fallback: undefined, ...names }),
  anonymous: setting({ variable: 'FUSEBOARD_ANONYMOUS', fallback: 'none', ...oneOf('none', 'read') }),
  logLevel: setting({ variable: 'FUSEBOARD_LOG_LEVEL', fallback: 'info', ...oneOf(...LOG_LEVELS) }),
  lateAfter: setting({
    variable: 'FUSEBOARD_LATE_AFTER',
    fallback: '60s',
    ...duration(1_000, 86_400_000, 'a duration from 1s to 24h, such as 60s or 1m30s'),
  }),
  lostLog: setting({ variable: 'FUSEBOARD_LOST_LOG', fallback: 'rebuild', ...oneOf('rebuild', 'cold', 'stop') }),
  checkpointRecords: setting({ variable: 'FUSEBOARD_CHECKPOINT_RECORDS', fallback: '250000', ...wholeNumber(100, 100_000_000) }),
  stateMaxAge: setting({
    variable: 'FUSEBOARD_STATE_MAX_AGE',
    fallback: '5s',
    ...duration(1_000, 3_600_000, 'a duration from 1s to 1h, such as 5s'),
  }),
  ...PROXY_SETTINGS,
} as const;

export type SettingKey = keyof typeof SETTINGS;

/** What each setting's text becomes; undefined: not set. */
export type Values = { -readonly [K in SettingKey]?: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never };

/** Read by the `fuseboard` command and by the configuration's own reading; no settings of a process. */
const OTHER_VARIABLES = ['FUSEBOARD_CONFIG_FILE', 'FUSEBOARD_SERVER', 'FUSEBOARD_SERVER_TLS', 'FUSEBOARD_SERVER_TLS_CA', 'FUSEBOARD_SERVER_TLS_CERT', 'FUSEBOARD_SERVER_TLS_KEY'];

/** Every variable that Fuseboard reads. */
export function knownVariables(): string[] {
  const own = Object.values(SETTINGS).flatMap((of: Setting<unknown>) =>
    of.secret ? [of.variable, `${of.variable}_FILE`] : [of.variable],
  );
  return [...own, ...OTHER_VARIABLES];
}

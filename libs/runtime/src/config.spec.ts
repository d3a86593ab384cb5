import { availableParallelism, hostname } from 'node:os';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { readConfig, type ConfigSources } from './config.ts';
import { StartError } from './start-error.ts';

const FLEET = { FUSEBOARD_KAFKA_BROKERS: '127.0.0.1:9092', FUSEBOARD_REDIS_URL: 'redis://127.0.0.1:6379' };

function read(env: ConfigSources['env'] = {}, argv: readonly string[] = [], role: ConfigSources['role'] = 'standalone') {
  return readConfig({ role, env, argv });
}

/** What a person reads when the start is refused. */
function refusal(...of: Parameters<typeof read>): StartError {
  try {
    read(...of);
  } catch (error) {
    if (error instanceof StartError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('defaults', () => {
  it('are complete, frozen and bound to loopback', () => {
    const config = read();
    expect(config).toMatchObject({
      role: 'standalone',
      logLevel: 'info',
      proxyListen: { host: '127.0.0.1', port: 8080 },
      consoleListen: { host: '127.0.0.1', port: 8090 },
      grpcListen: { host: '127.0.0.1', port: 50051 },
      adminListen: { host: '127.0.0.1', port: 9464 },
      configDir: undefined,
      drivers: { kind: 'embedded', dataDir: './data' },
      access: { tokens: {}, anonymousReads: false, tls: undefined, tlsWriters: [] },
      demo: true,
      lateAfterMs: 60_000,
      stateMaxAgeMs: 5_000,
      warnings: [],
    });
    expect(Object.isFrozen(config) && Object.isFrozen(config.drivers)).toBe(true);
  });

  it('name the instance after the host, with a suffix of its own each time', () => {
    expect(read().instance).toMatch(/^[A-Za-z0-9._-]+-[0-9a-f]{6}$/);
    expect(read().instance.startsWith(hostname().slice(0, 3).replaceAll(/[^A-Za-z0-9._-]/g, '-'))).toBe(true);
    expect(read().instance).not.toBe(read().instance);
  });
});

describe('the proxy’s settings', () => {
  it('are handed on in the data plane’s words', () => {
    const { proxy } = read({
      ...FLEET,
      FUSEBOARD_PROXY_WORKERS: '3',
      FUSEBOARD_PROXY_TLS_CERT: 'c.pem',
      FUSEBOARD_PROXY_TLS_KEY: 'k.pem',
      FUSEBOARD_PROXY_TRUSTED_NETWORKS: '10.0.0.0/8, fd00::/8',
      FUSEBOARD_PROXY_RESPONSE_TIMEOUT: '1m30s',
      FUSEBOARD_PROXY_MAX_CONNECTIONS: '7',
      FUSEBOARD_PROXY_DRAIN_TIMEOUT: '0s',
    }, [], 'proxy');
    expect(proxy).toMatchObject({
      workers: 3,
      ready: 'fleet',
      tls: { cert: 'c.pem', key: 'k.pem', ca: undefined },
      trustedNetworks: ['10.0.0.0/8', 'fd00::/8'],
      drainMs: 0,
      timeouts: { responseHeadMs: 90_000 },
      bounds: { clientConnectionsMax: 7 },
    });
  });

  it('take auto for as many workers as there are cores', () => {
    expect(read({ ...FLEET, FUSEBOARD_PROXY_WORKERS: 'auto' }, [], 'proxy').proxy.workers).toBe(Math.min(128, availableParallelism()));
  });
});

describe('precedence', () => {
  it('a flag rules over the environment, the environment over the default', () => {
    const env = { FUSEBOARD_PROXY_LISTEN: '127.0.0.1:1111', FUSEBOARD_CONSOLE_LISTEN: '127.0.0.1:2222' };
    const config = read(env, ['--proxy', '127.0.0.1:3333', '--data', ':memory:', '--no-demo']);
    expect([config.proxyListen.port, config.consoleListen.port, config.grpcListen.port]).toEqual([3333, 2222, 50051]);
    expect(config.drivers).toEqual({ kind: 'embedded', dataDir: ':memory:' });
    expect(config.demo).toBe(false);
  });

  it('an empty string is "not set"', () => {
    expect(read({ FUSEBOARD_PROXY_LISTEN: '', FUSEBOARD_KAFKA_BROKERS: '', FUSEBOARD_TOKEN: '' }).proxyListen.port).toBe(8080);
  });
});

describe('a bad value stops the start and names the variable, what was found and what is allowed', () => {
  it.each([
    [{ FUSEBOARD_PROXY_LISTEN: '8080' }, 'FUSEBOARD_PROXY_LISTEN: found "8080", allowed: HOST:PORT with a port from 0 to 65535'],
    [{ FUSEBOARD_GRPC_LISTEN: '127.0.0.1:70000' }, 'FUSEBOARD_GRPC_LISTEN: found "127.0.0.1:70000", allowed: HOST:PORT'],
    [{ FUSEBOARD_ANONYMOUS: 'yes' }, 'FUSEBOARD_ANONYMOUS: found "yes", allowed: none, read'],
    [{ FUSEBOARD_LOG_LEVEL: 'loud' }, 'FUSEBOARD_LOG_LEVEL: found "loud", allowed: trace, debug, info, warn, error, fatal, silent'],
    [{ FUSEBOARD_INSTANCE: 'a b' }, 'FUSEBOARD_INSTANCE: found "a b", allowed: 1 to 128 of'],
    [{ FUSEBOARD_REDIS_PREFIX: 'a{b}' }, 'FUSEBOARD_REDIS_PREFIX: found "a{b}", allowed: 1 to 100 of'],
    [{ FUSEBOARD_TOPIC_PREFIX: 'a/b' }, 'FUSEBOARD_TOPIC_PREFIX: found "a/b", allowed: 1 to 100 of'],
    [{ FUSEBOARD_LATE_AFTER: '60' }, 'FUSEBOARD_LATE_AFTER: found "60", allowed: a duration from 1s to 24h'],
    [{ FUSEBOARD_STATE_MAX_AGE: '10ms' }, 'FUSEBOARD_STATE_MAX_AGE: found "10ms", allowed: a duration from 1s to 1h'],
    [{ FUSEBOARD_PROXY_WORKERS: '0' }, 'FUSEBOARD_PROXY_WORKERS: found "0", allowed: auto (one for each core that this process may use) or a whole number from 1 to 128'],
    [{ FUSEBOARD_PROXY_WORKERS: '2' }, 'FUSEBOARD_PROXY_WORKERS: found 2 workers, but `npm start` is one process; allowed: 1'],
    [{ FUSEBOARD_PROXY_READY: 'yes' }, 'FUSEBOARD_PROXY_READY: found "yes", allowed: fleet, serving'],
    [{ FUSEBOARD_PROXY_TLS_CERT: 'a.pem' }, 'FUSEBOARD_PROXY_TLS_KEY is not set, but FUSEBOARD_PROXY_TLS_CERT is; allowed: both or none'],
    [{ FUSEBOARD_PROXY_TLS_KEY: 'a.pem' }, 'FUSEBOARD_PROXY_TLS_CERT is not set, but FUSEBOARD_PROXY_TLS_KEY is; allowed: both or none'],
    [{ FUSEBOARD_PROXY_TLS_CA: 'a.pem' }, 'FUSEBOARD_PROXY_TLS_CA is set without FUSEBOARD_PROXY_TLS_CERT and FUSEBOARD_PROXY_TLS_KEY'],
    [{ FUSEBOARD_PROXY_TRUSTED_NETWORKS: '10.0.0.0/8,10.0.0.1' }, 'FUSEBOARD_PROXY_TRUSTED_NETWORKS: found "10.0.0.0/8,10.0.0.1", allowed: ADDRESS/BITS'],
    [{ FUSEBOARD_PROXY_TRUSTED_NETWORKS: '10.0.0.0/33' }, 'FUSEBOARD_PROXY_TRUSTED_NETWORKS: found "10.0.0.0/33", allowed: ADDRESS/BITS'],
    [{ FUSEBOARD_PROXY_RESPONSE_TIMEOUT: '15' }, 'FUSEBOARD_PROXY_RESPONSE_TIMEOUT: found "15", allowed: a duration from 100ms to 24h'],
    [{ FUSEBOARD_PROXY_KEEP_ALIVE: '99ms' }, 'FUSEBOARD_PROXY_KEEP_ALIVE: found "99ms", allowed: a duration from 100ms to 24h'],
    [{ FUSEBOARD_PROXY_DRAIN_TIMEOUT: '2h' }, 'FUSEBOARD_PROXY_DRAIN_TIMEOUT: found "2h", allowed: a duration from 0s to 1h'],
    [{ FUSEBOARD_PROXY_MAX_CONNECTIONS: '0' }, 'FUSEBOARD_PROXY_MAX_CONNECTIONS: found "0", allowed: a whole number from 1 to 1000000'],
    [{ FUSEBOARD_PROXY_MAX_HEADER_BYTES: '1000' }, 'FUSEBOARD_PROXY_MAX_HEADER_BYTES: found "1000", allowed: a whole number from 1024 to 1048576'],
    [{ FUSEBOARD_CONFIG_DIR: '/there/is/no/such' }, 'FUSEBOARD_CONFIG_DIR: found "/there/is/no/such", which can\'t be read (ENOENT); allowed: a directory that can be read'],
    [{ FUSEBOARD_CONFIG_FILE: '/there/is/no/such.yaml' }, "FUSEBOARD_CONFIG_FILE: /there/is/no/such.yaml can't be read: ENOENT"],
    [{ FUSEBOARD_TOKEN_FILE: '/there/is/no/such' }, "FUSEBOARD_TOKEN_FILE: /there/is/no/such can't be read: ENOENT"],
  ])('%j', (env, message) => {
    expect(refusal(env).message).toContain(message);
  });

  it('a bad flag is named as the flag it was', () => {
    expect(refusal({}, ['--proxy', 'nonsense']).message).toContain('--proxy: found "nonsense", allowed: HOST:PORT');
  });

  it('several are told together', () => {
    const { message } = refusal({ FUSEBOARD_PROXY_LISTEN: 'x', FUSEBOARD_ANONYMOUS: 'y' });
    expect(message).toMatch(/^Fuseboard can't start, for 2 reasons:\n {2}FUSEBOARD_PROXY_LISTEN: .*\n {2}FUSEBOARD_ANONYMOUS: /);
  });

  it('a flag that is not there is a usage error that names the nearest', () => {
    const error = refusal({}, ['--prxy', '127.0.0.1:1']);
    expect(error.message).toContain("unknown option '--prxy'\n(Did you mean --proxy?)");
    expect(error.exitCode).toBe(2);
  });

  it('a flag without its value, and an argument that is no flag, are usage errors', () => {
    expect(refusal({}, ['--proxy']).message).toContain("option '--proxy <HOST:PORT>' argument missing");
    expect(refusal({}, ['what']).message).toContain('too many arguments');
    expect(refusal(FLEET, ['--proxy', 'x:1'], 'proxy').message).toContain('this process has no flags');
  });
});

describe('a variable that is not known has no effect, and a warning says so', () => {
  it('with the name that was meant', () => {
    expect(read({ FUSEBOARD_PROXI_LISTEN: 'x', FUSEBOARD_SERVER: 'known to the command' }).warnings).toEqual([
      'FUSEBOARD_PROXI_LISTEN is set, but there is no such setting, did you mean FUSEBOARD_PROXY_LISTEN? It has no effect.',
    ]);
  });
});

describe('secrets', () => {
  it('are never in a message, nor in the configuration when it is printed', () => {
    const bad = refusal({ ...FLEET, FUSEBOARD_TOKEN: 'my sécret', FUSEBOARD_REDIS_URL: 'http://:pass-word@x' }, [], 'console').message;
    expect(bad).toContain('FUSEBOARD_TOKEN: found a value that is none of those (it is secret, and not shown), allowed: 1 to 20 tokens with white space between them, each of 1 to 4096 visible');
    expect(bad).toContain('FUSEBOARD_REDIS_URL: found a value that is none of those');
    expect(bad).not.toMatch(/my sécret|pass-word/);

    const config = read({ ...FLEET, FUSEBOARD_TOKEN: 'hush', FUSEBOARD_REDIS_URL: 'redis://:pass-word@x:1' }, [], 'console');
    expect(`${inspect(config, { depth: 9 })}${JSON.stringify(config)}`).not.toMatch(/hush|pass-word/);
    expect(config.access.tokens.write?.shown().reveal()).toBe('hush');
  });

  it('of Redis and its Sentinels are none of them printed', () => {
    const url = 'rediss+sentinel://ingest:canary-1@s/p';
    const config = read({ ...FLEET, FUSEBOARD_REDIS_URL: url, FUSEBOARD_REDIS_SENTINEL_PASSWORD: 'canary-2', FUSEBOARD_REDIS_SENTINEL_USERNAME: 'me' }, [], 'ingest');
    expect(`${inspect(config, { depth: 9, showHidden: true })}${JSON.stringify(config)}`).not.toContain('canary');
    expect(config.drivers).toMatchObject({ redisSentinel: { username: 'me' } });
    const bad = refusal({ ...FLEET, FUSEBOARD_REDIS_URL: 'redis://u:canary@h?x=1', FUSEBOARD_REDIS_SENTINEL_PASSWORD: 'canary 2' }, [], 'ingest').message;
    expect(bad).not.toContain('canary');
  });

  it('as a value and as a file at once are refused', () => {
    expect(refusal({ FUSEBOARD_TOKEN: 'a', FUSEBOARD_TOKEN_FILE: '/b' }).message).toContain(
      'FUSEBOARD_TOKEN and FUSEBOARD_TOKEN_FILE are both set; allowed: one of them',
    );
  });
});

describe('drivers', () => {
  it('are the fleet for ingest, proxy and console', () => {
    const { drivers } = read({ ...FLEET, FUSEBOARD_KAFKA_BROKERS: 'a:1, [::1]:2' }, [], 'ingest');
    expect(drivers).toMatchObject({
      kind: 'fleet',
      kafkaBrokers: [
        { host: 'a', port: 1 },
        { host: '::1', port: 2 },
      ],
      topicPrefix: 'fuseboard.',
      redisPrefix: 'fuseboard:',
    });
  });

  it.each([
    [{ FUSEBOARD_KAFKA_BROKERS: 'a:1' }, 'FUSEBOARD_REDIS_URL is not set, but FUSEBOARD_KAFKA_BROKERS is; allowed: both or none'],
    [{ FUSEBOARD_REDIS_URL: 'redis://a' }, 'FUSEBOARD_KAFKA_BROKERS is not set, but FUSEBOARD_REDIS_URL is; allowed: both or none'],
    [{}, 'FUSEBOARD_KAFKA_BROKERS and FUSEBOARD_REDIS_URL are not set; ingest needs both'],
    [{ ...FLEET, FUSEBOARD_KAFKA_BROKERS: 'a' }, 'FUSEBOARD_KAFKA_BROKERS: found "a", allowed: HOST:PORT, or several'],
    [{ ...FLEET, FUSEBOARD_REDIS_URL: 'redis://a?x=1' }, 'FUSEBOARD_REDIS_URL: found a value that is none of those (it is secret, and not shown), allowed: redis://[USER:PASSWORD@]HOST'],
    [{ ...FLEET, FUSEBOARD_REDIS_TLS_CA: 'ca.pem' }, 'FUSEBOARD_REDIS_TLS_CA: set, but FUSEBOARD_REDIS_URL is one without TLS, so it would have no effect; allowed: with a URL that begins with rediss'],
    [{ ...FLEET, FUSEBOARD_REDIS_URL: 'rediss://a', FUSEBOARD_REDIS_TLS_CERT: 'a.pem' }, 'FUSEBOARD_REDIS_TLS_KEY is not set, but FUSEBOARD_REDIS_TLS_CERT is; allowed: both or none'],
    [{ ...FLEET, FUSEBOARD_REDIS_URL: 'rediss://a', FUSEBOARD_REDIS_TLS_KEY: 'a.pem' }, 'FUSEBOARD_REDIS_TLS_CERT is not set, but FUSEBOARD_REDIS_TLS_KEY is; allowed: both or none'],
    [{ ...FLEET, FUSEBOARD_REDIS_SENTINEL_PASSWORD: 'x' }, 'FUSEBOARD_REDIS_SENTINEL_PASSWORD: set, but FUSEBOARD_REDIS_URL names no Sentinels; allowed: with redis+sentinel:// or rediss+sentinel://'],
    [{ ...FLEET, FUSEBOARD_REDIS_URL: 'redis+sentinel://a/p', FUSEBOARD_REDIS_SENTINEL_USERNAME: 'x' }, 'FUSEBOARD_REDIS_SENTINEL_PASSWORD is not set, but FUSEBOARD_REDIS_SENTINEL_USERNAME is; allowed: both, or the password alone, or none'],
  ])('of a fleet process need both: %j', (env, message) => {
    const told = refusal(env, [], 'ingest').message;
    expect(told).toContain(message);
    expect(told).not.toContain('reasons');
  });

  it.each([
    [{ FUSEBOARD_KAFKA_BROKERS: 'a:1' }, 'FUSEBOARD_KAFKA_BROKERS is set, but `npm start` runs everything in one process'],
    [FLEET, 'FUSEBOARD_KAFKA_BROKERS and FUSEBOARD_REDIS_URL are set, but `npm start` runs everything in one process'],
  ])('of `npm start` are its own: %j stops it', (env, message) => {
    expect(refusal(env).message).toContain(message);
  });
});

describe('console and gRPC beyond loopback', () => {
  it.each(['FUSEBOARD_CONSOLE_LISTEN', 'FUSEBOARD_GRPC_LISTEN'])('%s is refused without a token, for every address but loopback', (variable) => {
    for (const open of ['0.0.0.0:1', '[::]:1', 'example.org:1']) {
      expect(refusal({ [variable]: open }).message).toContain(`${variable}: found "${open}", which others can reach; allowed: an address of this machine alone`);
      expect(refusal({ ...FLEET, [variable]: open }, [], 'console').message).toContain('FUSEBOARD_TOKEN');
    }
    for (const own of ['127.0.0.2:1', '[::1]:1', 'localhost:1']) read({ [variable]: own });
  });

  it('is taken with a token, with an authority for clients’ certificates, or for reads alone with FUSEBOARD_ANONYMOUS=read', () => {
    const open = { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:1', FUSEBOARD_GRPC_LISTEN: '0.0.0.0:2' };
    expect(read({ ...open, FUSEBOARD_TOKEN: 't' }).access.anonymousReads).toBe(false);
    expect(read({ ...open, FUSEBOARD_ANONYMOUS: 'read' }).access).toMatchObject({ tokens: {}, anonymousReads: true });
    expect(read({ ...open, FUSEBOARD_READ_TOKEN: 't' }).access.tokens.read?.shown().reveal()).toBe('t');
    expect(read({ ...open, FUSEBOARD_CONSOLE_TLS_CERT: 'c', FUSEBOARD_CONSOLE_TLS_KEY: 'k', FUSEBOARD_CONSOLE_TLS_CA: 'a' }).access.tls).toMatchObject({ cert: 'c', key: 'k', ca: 'a' });
  });

  it.each<[object, string]>([
    [{ FUSEBOARD_CONSOLE_TLS_CERT: 'c' }, 'FUSEBOARD_CONSOLE_TLS_KEY is not set, but FUSEBOARD_CONSOLE_TLS_CERT is; allowed: both or none'],
    [{ FUSEBOARD_CONSOLE_TLS_KEY: 'k' }, 'FUSEBOARD_CONSOLE_TLS_CERT is not set, but FUSEBOARD_CONSOLE_TLS_KEY is; allowed: both or none'],
    [{ FUSEBOARD_CONSOLE_TLS_CA: 'a' }, 'FUSEBOARD_CONSOLE_TLS_CA is set without FUSEBOARD_CONSOLE_TLS_CERT and FUSEBOARD_CONSOLE_TLS_KEY, and would have no effect'],
    [{ FUSEBOARD_CONSOLE_TLS_WRITERS: 'alice' }, 'FUSEBOARD_CONSOLE_TLS_WRITERS is set without FUSEBOARD_CONSOLE_TLS_CA, and would have no effect'],
    [{ FUSEBOARD_CONSOLE_TLS_WRITERS: 'alice,,bob' }, 'FUSEBOARD_CONSOLE_TLS_WRITERS: found "alice,,bob", allowed: names with commas between them'],
  ])('%o is refused', (env, message) => {
    expect(refusal(env as ConfigSources['env']).message).toContain(message);
  });

  it('warns of a token that can be guessed, and of one that goes over the network in cleartext', () => {
    const open = { FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:1' };
    const long = 'x'.repeat(32);
    expect(read({ FUSEBOARD_TOKEN: `${long} short` }).warnings).toEqual([expect.stringMatching(/^FUSEBOARD_TOKEN holds a token of fewer than 16 characters/)]);
    expect(read({ ...open, FUSEBOARD_READ_TOKEN: long }).warnings).toEqual([expect.stringMatching(/^FUSEBOARD_CONSOLE_LISTEN: others can reach it, and tokens go there in cleartext; FUSEBOARD_CONSOLE_TLS_CERT/)]);
    expect(read({ ...open, FUSEBOARD_TOKEN: long, FUSEBOARD_CONSOLE_TLS_CERT: 'c', FUSEBOARD_CONSOLE_TLS_KEY: 'k' }).warnings).toEqual([]);
  });

  it('is none of the proxy\'s business: it may bind anywhere', () => {
    expect(read({ FUSEBOARD_PROXY_LISTEN: '0.0.0.0:1' }).proxyListen.host).toBe('0.0.0.0');
    read({ ...FLEET, FUSEBOARD_CONSOLE_LISTEN: '0.0.0.0:1' }, [], 'proxy');
  });
});

describe('a proxy that takes its states from consoles', () => {
  const KAFKA = { FUSEBOARD_KAFKA_BROKERS: '127.0.0.1:9092' };
  const CONSOLES = { FUSEBOARD_STATES_FROM: 'console-1:50051,[::1]:50051' };

  it('needs Kafka and no Redis', () => {
    const { drivers } = read({ ...KAFKA, ...CONSOLES, FUSEBOARD_TOKEN: 'hush' }, [], 'proxy');
    expect(drivers).toMatchObject({ kind: 'consoles', consoles: [{ host: 'console-1', port: 50_051 }, { host: '::1', port: 50_051 }], partitions: 12, topicPrefix: 'fuseboard.' });
    expect([JSON.stringify(drivers).includes('hush'), drivers.kind === 'consoles' && drivers.token?.shown().reveal()]).toEqual([false, 'hush']);
    expect(read({ ...FLEET, FUSEBOARD_STATES_FROM: 'redis' }, [], 'proxy').drivers.kind).toBe('fleet');
  });

  it.each<[object, ConfigSources['role'], string]>([
    [{ ...KAFKA, FUSEBOARD_STATES_FROM: 'console' }, 'proxy', 'FUSEBOARD_STATES_FROM: found "console", allowed: redis, or HOST:PORT of a console'],
    [{ ...KAFKA, FUSEBOARD_STATES_FROM: 'console:0' }, 'proxy', 'FUSEBOARD_STATES_FROM: found "console:0", allowed: redis, or HOST:PORT'],
    [{ ...FLEET, ...CONSOLES }, 'proxy', 'FUSEBOARD_REDIS_URL is set, but FUSEBOARD_STATES_FROM names consoles, so that Redis is not asked; allowed: one of them'],
    [CONSOLES, 'proxy', 'FUSEBOARD_KAFKA_BROKERS is not set; a proxy that takes its states from consoles (FUSEBOARD_STATES_FROM) needs it'],
    [KAFKA, 'proxy', 'FUSEBOARD_REDIS_URL is not set, but FUSEBOARD_KAFKA_BROKERS is; allowed: both or none, or FUSEBOARD_KAFKA_BROKERS and FUSEBOARD_STATES_FROM with'],
    [{ ...FLEET, ...CONSOLES }, 'ingest', 'FUSEBOARD_STATES_FROM: found "console-1:50051,[::1]:50051", but only a proxy takes its states from consoles; allowed for ingest: redis'],
    [{ ...FLEET, ...CONSOLES }, 'console', 'but only a proxy takes its states from consoles; allowed for console: redis'],
    [CONSOLES, 'standalone', 'but only a proxy takes its states from consoles; allowed for standalone: redis'],
  ])('is refused with %j as %s', (env, role, message) => {
    expect(refusal(env as ConfigSources['env'], [], role).message).toContain(message);
  });
});

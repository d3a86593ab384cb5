/** How Redis is reached, beside its URL: certificates, and who we are to Sentinels. */
import { parseRedisUrl } from './redis-url.ts';
import { Secret } from './secret.ts';
import { bothOrNone, variableOf } from './setting-problems.ts';
import type { Values } from './settings.ts';

export interface RedisConfig {
  /** A Secret, because it may hold a password; `parseRedisUrl` takes it apart. */
  readonly redisUrl: Secret;
  /** PEM files. */
  readonly redisTls?: {
    /** Who signed the servers' certificates; absent: one that Node knows. */
    readonly ca?: string;
    /** Of ours, for servers that ask for one; both or none. */
    readonly cert?: string;
    readonly key?: string;
  };
  /** Absent: Sentinels ask for no password. */
  readonly redisSentinel?: { readonly username?: string; readonly password: Secret };
}

/** Only where nothing is wrong with the values. */
export function redisConfig(url: string, values: Values): RedisConfig {
  const { redisTlsCa: ca, redisTlsCert: cert, redisTlsKey: key, redisSentinelUsername: username, redisSentinelPassword: password } = values;
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  return {
    redisUrl: new Secret(url),
    ...(Object.keys(tls).length > 0 && { redisTls: tls }),
    ...(password !== undefined && { redisSentinel: { ...(username && { username }), password: new Secret(password) } }),
  };
}

/** What is wrong between them; each value by itself is fine or undefined. */
export function redisProblems(values: Values): string[] {
  const place = values.redisUrl === undefined ? undefined : parseRedisUrl(values.redisUrl);
  const set = (['redisTlsCa', 'redisTlsCert', 'redisTlsKey'] as const).filter((key) => values[key] !== undefined).map(variableOf);
  const problems: string[] = [];
  if (place?.isTls === false && set.length > 0) problems.push(`${set.join(', ')}: set, but FUSEBOARD_REDIS_URL is one without TLS, so it would have no effect; allowed: with a URL that begins with rediss`);
  problems.push(...bothOrNone(['redisTlsCert', 'redisTlsKey'], (key) => values[key] !== undefined));
  const sentinel = (['redisSentinelUsername', 'redisSentinelPassword'] as const).filter((key) => values[key] !== undefined).map(variableOf);
  if (place !== undefined && place.kind !== 'sentinel' && sentinel.length > 0) {
    problems.push(`${sentinel.join(', ')}: set, but FUSEBOARD_REDIS_URL names no Sentinels; allowed: with redis+sentinel:// or rediss+sentinel://`);
  }
  if (values.redisSentinelUsername !== undefined && values.redisSentinelPassword === undefined) {
    problems.push(`${variableOf('redisSentinelPassword')} is not set, but ${variableOf('redisSentinelUsername')} is; allowed: both, or the password alone, or none`);
  }
  return problems;
}

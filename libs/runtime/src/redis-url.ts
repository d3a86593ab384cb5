/**
 * Where Redis is, as one URL: `redis://` one server, `redis+sentinel://` the primary that Sentinels name,
 * `redis+cluster://` a Cluster; `rediss` in place of `redis` for TLS. Read here and not by the client, which takes
 * options from a URL's query, and before its own.
 */
import { formatAddress, parseAddress, type Address } from './address.ts';
import { Secret } from './secret.ts';

interface RedisLogin {
  readonly isTls: boolean;
  /** Absent: Redis' user `default`. */
  readonly username?: string;
  readonly password?: Secret;
}

export interface SingleRedis extends RedisLogin {
  readonly kind: 'single';
  readonly address: Address;
  /** Number of the database, from 0. */
  readonly database: number;
}

export interface SentinelRedis extends RedisLogin {
  readonly kind: 'sentinel';
  /** Of the Sentinels; at least one. */
  readonly addresses: readonly Address[];
  /** What the Sentinels call the primary. */
  readonly primary: string;
  readonly database: number;
}

export interface ClusterRedis extends RedisLogin {
  readonly kind: 'cluster';
  /** Of some nodes, from which all are found; at least one. */
  readonly addresses: readonly Address[];
}

export type RedisPlace = SingleRedis | SentinelRedis | ClusterRedis;

/** What `parseRedisUrl` takes, in words. */
export const REDIS_URL_ALLOWED =
  'redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], redis+sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]/PRIMARY[/DATABASE] ' +
  'or redis+cluster://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…], each also with rediss for TLS, such as redis://127.0.0.1:6379';

const SHAPE = /^(?<scheme>rediss?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<login>[^@/?#]*)@)?(?<hosts>[^@/?#]+)(?<path>\/[^?#]*)?$/i;
const PORT = { redis: 6_379, sentinel: 26_379 } as const;
const ADDRESSES_MAX = 100;
const PRIMARY_NAME = /^[A-Za-z0-9._-]{1,200}$/;

/** Gives undefined for what isn't such a URL. No name is looked up. */
export function parseRedisUrl(text: string): RedisPlace | undefined {
  const parts = SHAPE.exec(text.trim())?.groups;
  if (parts === undefined) return undefined;
  const kind = (parts['kind'] ?? 'single').toLowerCase();
  const login = loginOf(parts['login']);
  const addresses = addressesOf(String(parts['hosts']), kind === 'sentinel' ? PORT.sentinel : PORT.redis);
  if (login === undefined || addresses === undefined) return undefined;
  const common = { isTls: String(parts['scheme']).toLowerCase() === 'rediss', ...login };
  const path = (parts['path'] ?? '').split('/').slice(1).filter((part, index, all) => part !== '' || index < all.length - 1);
  if (kind === 'cluster') return path.length === 0 ? { kind, ...common, addresses } : undefined;
  const primary = kind === 'sentinel' ? path.shift() : undefined;
  const database = databaseOf(path);
  if (database === undefined) return undefined;
  if (kind === 'sentinel') return PRIMARY_NAME.test(primary ?? '') ? { kind, ...common, addresses, primary: String(primary), database } : undefined;
  const [address] = addresses;
  return addresses.length === 1 ? { kind: 'single', ...common, address: address as Address, database } : undefined;
}

/** For people and log lines: never with user or password. */
export function formatRedisPlace(place: RedisPlace): string {
  if (place.kind === 'single') return formatAddress(place.address);
  const all = place.addresses.map(formatAddress).join(', ');
  return place.kind === 'sentinel' ? `${place.primary} of the Sentinels ${all}` : `the Cluster of ${all}`;
}

function loginOf(written: string | undefined): { username?: string; password?: Secret } | undefined {
  if (written === undefined || written === '') return {};
  const colon = written.indexOf(':');
  const [username, password] = colon === -1 ? [written, ''] : [written.slice(0, colon), written.slice(colon + 1)];
  try {
    return {
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: new Secret(decodeURIComponent(password)) }),
    };
  } catch {
    return undefined;
  }
}

function addressesOf(written: string, port: number): Address[] | undefined {
  const found = written.split(',').map((part) => parseAddress(/(?:\]|^[^:]+)$/.test(part.trim()) ? `${part.trim()}:${port}` : part));
  const good = found.filter((address) => address !== undefined && address.port > 0) as Address[];
  return good.length === found.length && good.length <= ADDRESSES_MAX ? good : undefined;
}

function databaseOf([written, ...more]: readonly string[]): number | undefined {
  if (more.length > 0) return undefined;
  if (written === undefined) return 0;
  return /^\d{1,4}$/.test(written) ? Number(written) : undefined;
}

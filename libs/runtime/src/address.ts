/** Where something listens or is reached: `HOST:PORT`, an IPv6 host in brackets. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export interface Address {
  /** A name, an IPv4 or an IPv6 address, without brackets. */
  readonly host: string;
  /** 0 to 65,535; 0: any free port, when listening. */
  readonly port: number;
}

/** What `parseAddress` takes, in words for an error message. */
export const ADDRESS_ALLOWED = 'HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:8080 or [::1]:8080';

const SHAPE = /^(?:\[(?<v6>[^\]]+)\]|(?<name>[^\s:[\]/@]+)):(?<port>\d{1,5})$/;
const HOST_NAME = /^[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9])?$/i;
const ONLY_DIGITS_AND_DOTS = /^[\d.]+$/;

/** Gives undefined for what isn't `HOST:PORT`. No name is looked up. */
export function parseAddress(text: string): Address | undefined {
  const parts = SHAPE.exec(text.trim())?.groups;
  if (parts === undefined) return undefined;
  const port = Number(parts['port']);
  const host = parts['v6'] ?? parts['name'] ?? '';
  if (port > 65_535) return undefined;
  if (parts['v6'] !== undefined) return isIPv6(host) ? { host, port } : undefined;
  if (ONLY_DIGITS_AND_DOTS.test(host)) return isIPv4(host) ? { host, port } : undefined;
  return HOST_NAME.test(host) ? { host, port } : undefined;
}

/** The inverse of `parseAddress`. */
export function formatAddress(address: Address): string {
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8);
LOOPBACK.addAddress('::1', 'ipv6');

/** Can only this machine reach what listens there? A name other than `localhost` counts as reachable from elsewhere. */
export function isLoopback(host: string): boolean {
  if (isIPv4(host)) return LOOPBACK.check(host);
  if (isIPv6(host)) return LOOPBACK.check(host, 'ipv6');
  return host.toLowerCase() === 'localhost';
}

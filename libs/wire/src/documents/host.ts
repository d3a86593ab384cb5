/** Host names, and the `HOST:PORT` of policies, targets and listeners. Letter case never matters (L3). */
import { isIPv6 } from 'node:net';

export interface HostPort {
  /** In lower case; an IPv6 address keeps its brackets. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port?: number;
}

const HOST_CHARS_MAX = 253;
const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
const LABELS = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** Undefined where it is neither HOST nor HOST:PORT. */
export function parseHostPort(text: string): HostPort | undefined {
  // Most are written as they are kept.
  if (text.length <= HOST_CHARS_MAX && LABELS.test(text)) return { host: text };
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(text.toLowerCase());
  const host = match?.[1];
  if (host === undefined || !isHost(host)) return undefined;
  if (match?.[2] === undefined) return { host };
  const port = Number(match[2]);
  return port <= 65_535 ? { host, port } : undefined;
}

function isHost(host: string): boolean {
  if (host.startsWith('[')) return isIPv6(host.slice(1, -1));
  return host.length <= HOST_CHARS_MAX && LABELS.test(host);
}

/** A bare service name is the mesh's `NAME.NAMESPACE.svc.cluster.local`; anything with a dot stands as it is. */
export function qualify(host: string, namespace: string): string {
  return isBare(host) ? `${host}.${namespace}.svc.cluster.local` : host;
}

export function isBare(host: string): boolean {
  return !host.includes('.') && !host.startsWith('[');
}

/** Host names, and the `HOST:PORT` of policies, targets and listeners. Letter case never matters (L3). */
import { isIPv6 } from 'node:net';

export interface HostPort {
  /** In lower case; an IPv6 address keeps its brackets. */
  readonly host: string;
  /** 0 to 65535. */
  readonly port?: number;
}

const HOST_CHARS_MAX = 253;
const LABEL_CHARS_MAX = 63;
const PORT_CHARS_MAX = 5;
const PORT_MAX = 65_535;
const DOT = 0x2e;
const HYPHEN = 0x2d;
const COLON = 0x3a;
const UNDERSCORE = 0x5f;
const [ZERO, NINE] = [0x30, 0x39];
const [A, Z] = [0x61, 0x7a];
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
  return port <= PORT_MAX ? { host, port } : undefined;
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

/** Is it HOST or HOST:PORT, as `parseHostPort` and `qualify` would leave it? Of addresses it is never said. */
export function isKeptAsWritten(bytes: Uint8Array, from: number, to: number): boolean {
  let [at, label] = [from, from];
  for (;;) {
    while (at < to && isOfLabel(bytes[at] as number)) at++;
    if (at === label || at - label > LABEL_CHARS_MAX || bytes[label] === HYPHEN || bytes[at - 1] === HYPHEN) return false;
    if (at === to || bytes[at] !== DOT) break;
    label = ++at;
  }
  if (label === from || at - from > HOST_CHARS_MAX) return false;
  return at === to || (bytes[at] === COLON && isPortAsWritten(bytes, at + 1, to));
}

function isOfLabel(byte: number): boolean {
  return (byte >= A && byte <= Z) || (byte >= ZERO && byte <= NINE) || byte === HYPHEN || byte === UNDERSCORE;
}

/** 1 to 65535, without a zero before it. */
function isPortAsWritten(bytes: Uint8Array, from: number, to: number): boolean {
  let port = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number;
    if (byte < ZERO || byte > NINE || (at === from && byte === ZERO)) return false;
    port = port * 10 + byte - ZERO;
  }
  return to > from && to - from <= PORT_CHARS_MAX && port <= PORT_MAX;
}

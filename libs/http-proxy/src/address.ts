/** `HOST:PORT` as documents and flags write it; an IPv6 address stands in brackets. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/?#@\s]+))(?::([0-9]{1,5}))?$/;

/** undefined: not an address. A port of 0 is allowed, "any free one". */
export function parseAddress(text: string, defaultPort?: number): Address | undefined {
  const match = ADDRESS.exec(text);
  if (match === null) return undefined;
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  const host = match[1] ?? match[2];
  if (port === undefined || host === undefined || port > 65_535) return undefined;
  return { host, port };
}

export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

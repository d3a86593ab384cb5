/** Who is connected: places for clients, in all and for each address, and whom of them is believed. */
import { BlockList, isIPv6, type Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Peer } from './http1/request-text.ts';
import type { Bounds } from './options.ts';

type Places = Pick<Bounds, 'clientConnectionsMax' | 'connectionsPerClientMax'>;

export class Clients {
  readonly #bounds: Places;
  readonly #trusted: BlockList | undefined;
  /** Connections by address; addresses without one are not kept. */
  readonly #counts = new Map<string, number>();
  #count = 0;

  /** @throws RangeError for a network that is none; it names it. */
  constructor(bounds: Places, trustedNetworks: readonly string[]) {
    this.#bounds = bounds;
    if (trustedNetworks.length === 0) return;
    this.#trusted = new BlockList();
    for (const network of trustedNetworks) addNetwork(this.#trusted, network);
  }

  /** Takes a place, until `leave`. Undefined: there is none, or the client is gone already. */
  enter(socket: Socket): Peer | undefined {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || this.#count >= this.#bounds.clientConnectionsMax) return undefined;
    const address = plainAddress(remoteAddress);
    const count = this.#counts.get(address) ?? 0;
    if (count >= this.#bounds.connectionsPerClientMax) return undefined;
    this.#counts.set(address, count + 1);
    this.#count++;
    const isTrusted = this.#trusted?.check(address, isIPv6(address) ? 'ipv6' : 'ipv4') ?? false;
    return { address, proto: socket instanceof TLSSocket ? 'https' : 'http', isTrusted };
  }

  leave({ address }: Peer): void {
    this.#count--;
    const count = (this.#counts.get(address) ?? 0) - 1;
    if (count > 0) this.#counts.set(address, count);
    else this.#counts.delete(address);
  }
}

/** As people write it: IPv4 without its IPv6 mapping, IPv6 without its zone. */
function plainAddress(address: string): string {
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice('::ffff:'.length);
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

function addNetwork(list: BlockList, network: string): void {
  const slash = network.indexOf('/');
  const address = slash === -1 ? network : network.slice(0, slash);
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  try {
    if (slash === -1) list.addAddress(address, family);
    else list.addSubnet(address, Number(network.slice(slash + 1)), family);
  } catch {
    throw new RangeError(`"${network}" is no network such as 10.0.0.0/8 or fd00::/8`);
  }
}

/** Opening a listening address. */
import type { AddressInfo, Server } from 'node:net';
import { formatAddress, type Address } from './address.ts';

/** Connections that the kernel holds for us while we are busy; it may hold fewer. */
const BACKLOG = 4_096;

/** A listener that could not be opened; the message names the address. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: string;

  constructor(address: Address, cause: NodeJS.ErrnoException) {
    const where = formatAddress(address);
    const why: Record<string, string> = {
      EADDRINUSE: `${where} is in use by another process or listener`,
      EACCES: `no permission to listen on ${where}`,
      EADDRNOTAVAIL: `${where} is no address of this machine`,
      ENOTFOUND: `${where}: the host name is unknown`,
    };
    super(why[cause.code ?? ''] ?? `can't listen on ${where}: ${cause.message}`, { cause });
    this.code = cause.code ?? 'UNKNOWN';
  }
}

/** @throws ListenError */
export async function listenOn(server: Server, address: Address): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new ListenError(address, error)));
    server.listen(address.port, address.host, BACKLOG, resolve);
  });
  // Accepting can fail for want of file descriptors; it goes on when there are some again.
  server.removeAllListeners('error').on('error', () => undefined);
}

/** Where it listens; a port of 0 has become a real one. */
export function listenedOn(server: Server): Address {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

import { formatAddress, type Address } from './address.ts';

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

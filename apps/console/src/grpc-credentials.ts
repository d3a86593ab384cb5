/** Cleartext, or a certificate that can be exchanged while the server listens; a client may show one of its own, and need not. */
import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';
import type { ListenerPem } from '#runtime';

export class GrpcCredentials extends ServerCredentials {
  /** @param tls undefined: cleartext, for good */
  constructor(tls: ListenerPem | undefined) {
    super(tls === undefined ? null : { requestCert: tls.ca !== undefined, rejectUnauthorized: false }, tls === undefined ? undefined : contextOf(tls));
  }

  /** For connections from now on. */
  use(tls: ListenerPem): void {
    this.updateSecureContextOptions(contextOf(tls));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function contextOf({ cert, key, ca }: ListenerPem): SecureContextOptions {
  return { cert, key, ...(ca !== undefined && { ca }) };
}

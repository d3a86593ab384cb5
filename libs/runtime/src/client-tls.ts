/** What a client of the console's gRPC reads: whom it trusts, and its own certificate. */
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { parseAddress } from './address.ts';
import { readPem, readPemPair } from './pem.ts';

/** Paths of PEM files, and the settings that name them. */
export interface ClientTlsFiles {
  /** Who may have signed the server's certificate; absent: whom Node trusts. */
  readonly ca: string | undefined;
  /** This process's own; both or none. */
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly variables: { readonly ca: string; readonly cert: string; readonly key: string };
}

export interface ClientPem {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** @throws {StartError} naming the setting and the file that can't be used. */
export function readClientTls({ ca, cert, key, variables }: ClientTlsFiles): ClientPem {
  return {
    ...(ca !== undefined && { ca: readPem({ path: ca, variable: variables.ca, holds: 'certificate' }) }),
    ...(cert !== undefined && key !== undefined && readPemPair({ path: cert, variable: variables.cert }, { path: key, variable: variables.key })),
  };
}

type Verify = { checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined };

/** grpc-js's `credentials`, which isn't loaded here: not every process speaks gRPC. */
export interface CredentialsMaker<C> {
  createInsecure(): C;
  createSsl(ca: Buffer | null, key: Buffer | null, cert: Buffer | null, verify: Verify): C;
}

export interface ClientChannel<C> {
  readonly credentials: C;
  /** Of the channel. */
  readonly options: Readonly<Record<string, string>>;
}

/**
 * grpc-js names whatever it connects to in the handshake, and an address may not be named there: so another name stands
 * there, and the address is looked for in the certificate.
 * @param server HOST:PORT
 * @param pem undefined: cleartext
 */
export function clientChannel<C>(server: string, pem: ClientPem | undefined, credentials: CredentialsMaker<C>): ClientChannel<C> {
  if (pem === undefined) return { credentials: credentials.createInsecure(), options: {} };
  const host = parseAddress(server)?.host ?? server;
  const isAddress = isIP(host) !== 0;
  const verify: Verify = isAddress ? { checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate) } : {};
  return {
    credentials: credentials.createSsl(pem.ca ?? null, pem.key ?? null, pem.cert ?? null, verify),
    options: isAddress ? { 'grpc.ssl_target_name_override': 'localhost' } : {},
  };
}

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

/** What is wrong with a combination of them. @param isOn `variable` is `true` */
export function clientTlsProblems({ ca, cert, key, variables: of }: ClientTlsFiles, { isOn, variable }: { readonly isOn: boolean; readonly variable: string }): string[] {
  const set = [...(ca === undefined ? [] : [of.ca]), ...(cert === undefined ? [] : [of.cert]), ...(key === undefined ? [] : [of.key])];
  const problems = isOn || set.length === 0 ? [] : [`${set.join(' and ')} ${set.length === 1 ? 'is' : 'are'} set without ${variable}=true, and would have no effect; allowed: with it, or not at all`];
  if (cert !== undefined && key === undefined) problems.push(`${of.key} is not set, but ${of.cert} is; allowed: both or none`);
  if (cert === undefined && key !== undefined) problems.push(`${of.cert} is not set, but ${of.key} is; allowed: both or none`);
  return problems;
}

export interface ClientChannel {
  /** For grpc-js's `credentials.createSsl`. */
  readonly ssl: readonly [Buffer | null, Buffer | null, Buffer | null, { checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined }];
  /** Of the channel. */
  readonly options: Readonly<Record<string, string>>;
}

/**
 * grpc-js names whatever it connects to in the handshake, and an address may not be named there: so another name stands
 * there, and the address is looked for in the certificate.
 * @param server HOST:PORT
 */
export function clientChannel(server: string, { ca, key, cert }: ClientPem): ClientChannel {
  const host = parseAddress(server)?.host ?? server;
  const pems = [ca ?? null, key ?? null, cert ?? null] as const;
  if (isIP(host) === 0) return { ssl: [...pems, {}], options: {} };
  return { ssl: [...pems, { checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate) }], options: { 'grpc.ssl_target_name_override': 'localhost' } };
}

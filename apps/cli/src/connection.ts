/** Where the console is, and how to say what went wrong on the way there. */
import { readFileSync } from 'node:fs';
import { status, type ServiceError } from '@grpc/grpc-js';
import { ADDRESS_ALLOWED, Secret, StartError, TOKENS_ALLOWED, parseAddress, parseTokens, readClientTls, type Address, type ClientPem } from '#runtime/reach';
import { Failure } from './failure.ts';

export interface Connection {
  /** As it was written, for messages. */
  readonly server: string;
  readonly token: Secret | undefined;
  /** Absent: cleartext. */
  readonly tls: ClientPem | undefined;
}

/** As commander gives them; each also has its variable. */
export interface ConnectionFlags {
  readonly server?: string;
  readonly tls?: true;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export const SERVER_DEFAULT = '127.0.0.1:50051';

type Env = Readonly<Record<string, string | undefined>>;

/** @throws {Failure} for an address, a token or a certificate that can't be read. */
export function connectionOf(flags: ConnectionFlags, env: Env): Connection {
  const { server: flag } = flags;
  const written = flag ?? given(env, 'FUSEBOARD_SERVER') ?? SERVER_DEFAULT;
  const address = addressOf(written, flag === undefined ? 'FUSEBOARD_SERVER' : '--server');
  if (address.port === 0) throw new Failure(`${flag === undefined ? 'FUSEBOARD_SERVER' : '--server'}: found "${written}", allowed: a port from 1 to 65535`, 2);
  return { server: written, token: tokenOf(env), tls: tlsOf(flags, env) };
}

function tlsOf(flags: ConnectionFlags, env: Env): ClientPem | undefined {
  const [ca, cert, key] = [flags.tlsCa ?? given(env, 'FUSEBOARD_SERVER_TLS_CA'), flags.tlsCert ?? given(env, 'FUSEBOARD_SERVER_TLS_CERT'), flags.tlsKey ?? given(env, 'FUSEBOARD_SERVER_TLS_KEY')];
  const isOn = flags.tls ?? wordOf(env, 'FUSEBOARD_SERVER_TLS', ['true', 'false']) === 'true';
  if (!isOn && ca === undefined && cert === undefined && key === undefined) return undefined;
  if ((cert === undefined) !== (key === undefined)) throw new Failure('--tls-cert and --tls-key (FUSEBOARD_SERVER_TLS_CERT and FUSEBOARD_SERVER_TLS_KEY): one is given without the other; allowed: both or none', 2);
  try {
    return readClientTls({ ca, cert, key, variables: { ca: '--tls-ca (FUSEBOARD_SERVER_TLS_CA)', cert: '--tls-cert (FUSEBOARD_SERVER_TLS_CERT)', key: '--tls-key (FUSEBOARD_SERVER_TLS_KEY)' } });
  } catch (error) {
    throw error instanceof StartError ? new Failure(error.message, 2) : error;
  }
}

function wordOf(env: Env, name: string, allowed: readonly string[]): string | undefined {
  const found = given(env, name);
  if (found === undefined || allowed.includes(found)) return found;
  throw new Failure(`${name}: found "${found}", allowed: ${allowed.join(', ')}`, 2);
}

/** @throws {Failure} naming where it was written. */
export function addressOf(text: string, where: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new Failure(`${where}: found "${text}", allowed: ${ADDRESS_ALLOWED}`, 2);
  return address;
}

function tokenOf(env: Env): Secret | undefined {
  const [token, file] = [given(env, 'FUSEBOARD_TOKEN'), given(env, 'FUSEBOARD_TOKEN_FILE')];
  if (token !== undefined && file !== undefined) throw new Failure('FUSEBOARD_TOKEN and FUSEBOARD_TOKEN_FILE are both set; allowed: one of them', 2);
  if (file === undefined) return token === undefined ? undefined : checked(token, 'FUSEBOARD_TOKEN');
  try {
    return checked(readFileSync(file, 'utf8').trim(), 'FUSEBOARD_TOKEN_FILE');
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`FUSEBOARD_TOKEN_FILE: ${file} can't be read: ${(error as Error).message}`, 2);
  }
}

function checked(token: string, where: string): Secret {
  const [first] = parseTokens(token) ?? [];
  if (first !== undefined) return new Secret(first);
  throw new Failure(`${where}: found a value that is not allowed (it is secret, and not shown), allowed: ${TOKENS_ALLOWED}; the first is shown to the console`, 2);
}

function given(env: Env, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

/** What gRPC says, for a person. */
export function failureOf(error: unknown, connection: Connection): Failure {
  const { code, details = (error as Error).message } = error as Partial<ServiceError>;
  const { server } = connection;
  switch (code) {
    case status.UNAVAILABLE:
      return new Failure(isAnswered(details) ? details : notReached(details, connection));
    case status.UNAUTHENTICATED:
      return new Failure(`${server} refuses: ${details}. Set FUSEBOARD_TOKEN or FUSEBOARD_TOKEN_FILE.`);
    case status.PERMISSION_DENIED:
      return new Failure(`${server} refuses: ${details}.`);
    case status.DEADLINE_EXCEEDED:
      return new Failure(`${server} did not answer in time: is it overloaded, or the way to it cut? Try again, or another console: --server HOST:PORT or FUSEBOARD_SERVER`);
    case status.UNIMPLEMENTED:
      return new Failure(`what answers at ${server} does not know this question (${details}): it is no console, or one of an older version. ${ANOTHER}`);
    case status.NOT_FOUND:
      return new Failure(`${details}${/^there is no upstream .*host$/.test(details) ? '; `fuseboard get` lists them all' : ''}`);
    default:
      return new Failure(details);
  }
}

const ANOTHER = 'Another address: --server HOST:PORT or FUSEBOARD_SERVER';

/** Did the console itself say that it is unavailable, or did nobody answer? grpc-js tells the latter in its own words. */
function isAnswered(details: string): boolean {
  return !/^(No connection established|Name resolution failed|Connection dropped|Failed to connect|.*ECONN)/.test(details);
}

function notReached(details: string, { server, tls }: Connection): string {
  const untrusted = /[\w' -]*certificate[\w' -]*/i.exec(details)?.[0].trim();
  if (tls !== undefined && untrusted !== undefined) return `the console at ${server} can't be trusted (${untrusted}); who signed its certificate is named by --tls-ca FILE or FUSEBOARD_SERVER_TLS_CA`;
  const system = SYSTEM.exec(details)?.[0];
  if (system !== undefined) return `no console answers at ${server} (${system}); is it running? \`npm start\` starts one. ${ANOTHER}`;
  const spoken = tls === undefined ? 'gRPC, or only over TLS (--tls)' : 'gRPC over TLS';
  return `what listens at ${server} does not speak ${spoken}: a console has gRPC at one port, 50051 by default, and HTTP at another. ${ANOTHER}`;
}

/** What the system said, out of what grpc-js makes of it. */
const SYSTEM = /connect E[A-Z]+|E[A-Z]{4,}|Name resolution failed/;

/** Of what gRPC says the part that tells a person something. */
export function inShort(details: string): string {
  return SYSTEM.exec(details)?.[0] ?? details;
}

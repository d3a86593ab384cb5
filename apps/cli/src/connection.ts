/** Where the console is, and how to say what went wrong on the way there. */
import { readFileSync } from 'node:fs';
import { status, type ServiceError } from '@grpc/grpc-js';
import { ADDRESS_ALLOWED, Secret, parseAddress, type Address } from '#runtime';
import { Failure } from './failure.ts';

export interface Connection {
  /** As it was written, for messages. */
  readonly server: string;
  readonly token: Secret | undefined;
}

export const SERVER_DEFAULT = '127.0.0.1:50051';

type Env = Readonly<Record<string, string | undefined>>;

/** @throws {Failure} for an address or a token that can't be read. */
export function connectionOf(flag: string | undefined, env: Env): Connection {
  const written = flag ?? given(env, 'FUSEBOARD_SERVER') ?? SERVER_DEFAULT;
  const address = addressOf(written, flag === undefined ? 'FUSEBOARD_SERVER' : '--server');
  if (address.port === 0) throw new Failure(`${flag === undefined ? 'FUSEBOARD_SERVER' : '--server'}: found "${written}", allowed: a port from 1 to 65535`, 2);
  return { server: written, token: tokenOf(env) };
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
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return new Secret(token);
  throw new Failure(`${where}: found a value that is not allowed (it is secret, and not shown), allowed: 1 to 4096 visible ASCII characters, no spaces`, 2);
}

function given(env: Env, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

/** What gRPC says, for a person. */
export function failureOf(error: unknown, { server }: Connection): Failure {
  const { code, details } = error as Partial<ServiceError>;
  if (code === undefined) return new Failure((error as Error).message);
  if (code === status.UNAVAILABLE && !isAnswered(details)) {
    return new Failure(`no console answers at ${server} (${reason(details)}); is it running? Another address: --server HOST:PORT or FUSEBOARD_SERVER`);
  }
  if (code === status.UNAUTHENTICATED) return new Failure(`${server} refuses: ${details}. Set FUSEBOARD_TOKEN or FUSEBOARD_TOKEN_FILE.`);
  if (code === status.DEADLINE_EXCEEDED) return new Failure(`${server} did not answer in time`);
  return new Failure(details ?? (error as Error).message);
}

/** Did the console itself say that it is unavailable, or did nobody answer? grpc-js tells the latter in its own words. */
function isAnswered(details: string | undefined): boolean {
  return details !== undefined && !/^(No connection established|Name resolution failed|Connection dropped|Failed to connect|.*ECONN)/.test(details);
}

/** What the system said, out of what grpc-js made of it. */
function reason(details: string | undefined): string {
  return /connect E[A-Z]+|E[A-Z]{4,}|Name resolution failed/.exec(details ?? '')?.[0] ?? 'unreachable';
}

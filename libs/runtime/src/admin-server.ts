/** `/healthz`, `/readyz` and `/metrics` of a process that has no console: ingest and proxy. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { refusalOf, type Gate, type Refusal } from './access/gate.ts';
import { formatAddress, type Address } from './address.ts';
import type { HealthReport } from './health.ts';
import { StartError } from './start-error.ts';

/** An import would ask for all that it has, and load Node's WebSocket and fetch with it: 10 MB and more. */
const { createServer } = process.getBuiltinModule('node:http');

export interface AdminServer {
  /** With the port that was bound. */
  readonly address: Address;
  close(): Promise<void>;
}

/** Whose health and metrics are shown: a Runtime's, or what speaks for several processes. */
export interface AdminSource {
  readonly health: { alive(): HealthReport | Promise<HealthReport>; ready(): HealthReport | Promise<HealthReport> };
  readonly metrics: { readonly registry: { readonly contentType: string; metrics(): Promise<string> } };
}

/** @throws {StartError} if the address can't be bound. */
export async function startAdminServer(options: AdminSource & { readonly listen: Address; readonly gate: Gate }): Promise<AdminServer> {
  const server = createServer((request, response) => {
    answer(request, response, options).catch((error: unknown) => fail(response, error));
  });
  server.requestTimeout = 10_000;
  const address = await listen(server, options.listen, 'FUSEBOARD_ADMIN_LISTEN');
  return {
    address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Something that listens as node:net's servers do. */
interface Listening {
  listen(port: number, host: string): unknown;
  address(): AddressInfo | string | null;
  once(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  once(event: 'listening', listener: () => void): unknown;
  removeAllListeners(event: 'error' | 'listening'): unknown;
}

/**
 * Binds, and gives the address with the port that was bound.
 * @throws {StartError} naming the setting and what to do about it.
 */
export async function listen(server: Listening, at: Address, setting: string): Promise<Address> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(bindError(error, at, setting)));
    server.once('listening', resolve);
    server.listen(at.port, at.host);
  });
  server.removeAllListeners('error');
  const bound = server.address();
  return { host: at.host, port: typeof bound === 'object' && bound !== null ? bound.port : at.port };
}

const BIND_REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use by another process: stop that one, or choose another port (0: any free one)',
  EACCES: 'may not be bound by this user: choose a port from 1024 on',
  EADDRNOTAVAIL: 'is no address of this machine',
  ENOTFOUND: 'has a host name that is not known',
};

/** Why an address could not be bound, as a person needs to hear it. */
export function bindError(error: Pick<NodeJS.ErrnoException, 'code' | 'message'>, at: Address, setting: string): StartError {
  return new StartError(`${setting}: ${formatAddress(at)} ${BIND_REASONS[error.code ?? ''] ?? `can't be bound: ${error.message}`}`);
}

async function answer(request: IncomingMessage, response: ServerResponse, { health, metrics, gate }: AdminSource & { readonly gate: Gate }): Promise<void> {
  const path = (request.url ?? '').split('?', 1)[0];
  if (request.method !== 'GET' && request.method !== 'HEAD') return send(response, 405, { error: 'only GET is allowed' });
  if (path === '/healthz') return report(response, await health.alive());
  if (path === '/readyz') return report(response, await health.ready());
  if (path !== '/metrics') return send(response, 404, { error: 'not found; there are /healthz, /readyz and /metrics' });
  const { authorization, host } = request.headers;
  const verdict = gate.judge({ authorization, host, peer: request.socket.remoteAddress ?? '' }, 'read');
  if (!verdict.admitted) return refuse(response, verdict);
  const text = await metrics.registry.metrics();
  response.setHeader('content-type', metrics.registry.contentType);
  response.end(text);
}

/** That a figure can't be read ends no process. */
function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) response.destroy();
  else send(response, 500, { error: `it can't be answered: ${error instanceof Error ? error.message : String(error)}` });
}

function refuse(response: ServerResponse, verdict: Refusal): void {
  const { status, headers } = refusalOf(verdict);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  send(response, status, { error: verdict.reason });
}

function report(response: ServerResponse, { ok, body }: HealthReport): void {
  send(response, ok ? 200 : 503, body);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}

/**
 * The demo upstream: sends each request's body back, late or with another status where its query says so, as Fortio's
 * echo server does. Every path echoes.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { listen, type Address } from '#runtime';
import { seeded, type Random } from './chance.ts';
import { answerTo, type Answer } from './wish.ts';

export interface EchoOptions {
  /** Port 0: any free one. */
  readonly listen: Address;
  /** Makes chance repeatable: the n-th roll is always the same. Absent: truly by chance. */
  readonly seed?: number;
}

export interface EchoServer {
  /** With the port that was bound. */
  readonly address: Address;
  /** What callers did so far; for tests that must know it from the upstream's side. */
  readonly seen: Readonly<EchoSeen>;
  /** Ends every connection. */
  close(): Promise<void>;
}

export interface EchoSeen {
  calls: number;
  /** Connections open at once, at most. */
  connectionsMax: number;
  /** Requests on one connection, at most. */
  requestsPerConnectionMax: number;
}

const BODY_MAX_BYTES = 8_388_608;
/** Longer than callers keep idle connections, so that none is closed under a request. */
const KEEP_ALIVE_MS = 120_000;

/** @throws {StartError} if the address can't be bound. */
export async function startEcho(options: EchoOptions): Promise<EchoServer> {
  const random = options.seed === undefined ? Math.random : seeded(options.seed);
  const seen: EchoSeen = { calls: 0, connectionsMax: 0, requestsPerConnectionMax: 0 };
  const requests = new WeakMap<Socket, number>();
  let connections = 0;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const onThisConnection = (requests.get(request.socket) ?? 0) + 1;
    requests.set(request.socket, onThisConnection);
    seen.calls += 1;
    seen.requestsPerConnectionMax = Math.max(seen.requestsPerConnectionMax, onThisConnection);
    answer(request, response, random).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    connections += 1;
    seen.connectionsMax = Math.max(seen.connectionsMax, connections);
    socket.on('close', () => void (connections -= 1));
  });
  const address = await listen(server, options.listen, '--listen');
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { address, seen, close };
}

async function answer(request: IncomingMessage, response: ServerResponse, random: Random): Promise<void> {
  const arrivedMs = performance.now();
  const { searchParams } = new URL(request.url ?? '/', 'http://echo');
  const wish = answerTo(searchParams, random);
  if (typeof wish === 'string') return refuse(response, 400, wish);
  await notBefore(arrivedMs + wish.delayMs);
  const body = await bodyOf(request);
  if (body === undefined) return refuse(response, 413, `found a body of more than ${BODY_MAX_BYTES} bytes`);
  send(response, wish, { body, type: request.headers['content-type'] });
}

/** Timers may fire up to a millisecond early, and a delayed answer must not look quicker than what was asked for. */
async function notBefore(untilMs: number): Promise<void> {
  for (let leftMs = untilMs - performance.now(); leftMs > 0; leftMs = untilMs - performance.now()) await wait(Math.ceil(leftMs));
}

/** Whole, because a caller may send all before it reads anything. Undefined: too large. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function send(response: ServerResponse, { status, size, close, headers }: Answer, echo: { body: Buffer; type: string | undefined }): void {
  const content = size === undefined ? echo.body : Buffer.alloc(size, 'x');
  const type = size === undefined ? echo.type : 'application/octet-stream';
  if (type !== undefined) response.setHeader('content-type', type);
  for (const [name, value] of headers) response.appendHeader(name, value);
  if (close) response.setHeader('connection', 'close');
  response.statusCode = status;
  response.setHeader('content-length', content.length);
  response.end(content);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${message}\n`);
}

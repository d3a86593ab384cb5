/**
 * The processes of the proxy benchmark, one role each: `upstream`, `load`, `fuseboard`, `plain` (node:http + undici, as
 * anybody would write it). Started by proxy.ts; a proxy that is to be measured has its process to itself.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { Pool } from 'undici';
import { createHttpProxy, NO_LIMITS, type Decision } from '#http-proxy';

/** What a proxy is to do with each call, and what the load asks for. */
export type Work = 'refuse' | 'forward' | 'forward 64 KiB' | 'post 1 KiB';

export interface LoadOrder {
  readonly port: number;
  readonly host: string;
  readonly work: Work;
  readonly connections: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

/** To the parent: `ready` with a port, `warm` when measuring begins, `done` with what was answered. */
export type Said = { readonly kind: 'ready'; readonly port: number } | { readonly kind: 'warm' } | { readonly kind: 'done'; readonly answers: number; readonly unexpected: number };

export const REFUSED_HOST = 'refused.test';
export const SERVED_HOST = 'served.test';
const DEGRADED = 'Coming soon ...';
const BIG_PATH = '/big';

function say(said: Said): void {
  process.send?.(said);
}

/** Answers as fast as one process can: it must not be what is measured. */
function runUpstream(): void {
  const answer = (body: string) => Buffer.from(`HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const small = answer('hello, world');
  const big = answer('x'.repeat(65_536));
  const server = createTcpServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined).on('data', (chunk: Buffer) => {
      // The load asks one thing at a time; a body comes with its head or behind it, and ends in "!".
      if (chunk.subarray(0, 16).includes(BIG_PATH)) socket.write(big);
      else if (chunk[0] === 0x47 || chunk.at(-1) === 0x21) socket.write(small);
    });
  });
  server.listen(0, '127.0.0.1', () => say({ kind: 'ready', port: (server.address() as AddressInfo).port }));
}

async function runFuseboard(target: string): Promise<void> {
  const admit: Decision = { kind: 'admit', admitted: { incarnation: 1, generation: 1 }, slowTimeThresholdMs: 5_000 };
  const refuse: Decision = { kind: 'refuse', degraded: { statusCode: 409, content: DEGRADED }, untilMs: Date.now() + 3_600_000 };
  let told = 0;
  const proxy = createHttpProxy({
    decide: (upstream) => (upstream === REFUSED_HOST ? refuse : admit),
    report: () => told++,
    onCall: () => told++,
  });
  await proxy.configure([REFUSED_HOST, SERVED_HOST].map((host) => ({ name: host, upstream: host, host, port: 80, targets: [target], limits: NO_LIMITS })));
  const address = await proxy.listen('127.0.0.1:0');
  say({ kind: 'ready', port: Number(address.split(':')[1]) });
}

function runPlain(target: string): void {
  const pool = new Pool(`http://${target}`, { connections: 256, allowH2: false });
  const server = createHttpServer({ noDelay: true }, (request, response) => {
    if (request.headers.host === REFUSED_HOST) refusePlainly(response);
    else forwardPlainly(pool, request, response);
  });
  server.listen(0, '127.0.0.1', () => say({ kind: 'ready', port: (server.address() as AddressInfo).port }));
}

function refusePlainly(response: ServerResponse): void {
  response.writeHead(409, {
    'x-fuseboard-state': 'open',
    'retry-after': '3600',
    'cache-control': 'no-store',
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(DEGRADED.length),
  });
  response.end(DEGRADED);
}

function forwardPlainly(pool: Pool, request: IncomingMessage, response: ServerResponse): void {
  const { connection: _, ...headers } = request.headers;
  const body = request.method === 'GET' ? null : request;
  pool.dispatch({ path: request.url ?? '/', method: request.method as 'GET', headers, body }, {
    onRequestStart: () => undefined,
    onResponseStart: (_controller, statusCode, answered) => {
      response.writeHead(statusCode, { ...answered, via: '1.1 plain' });
    },
    onResponseData: (controller, chunk) => {
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => controller.resume());
    },
    onResponseEnd: () => void response.end(),
    onResponseError: () => void response.destroy(),
  });
}

/** One request at a time on each connection; an answer is counted when its last byte is there. */
function runLoad(): void {
  process.on('message', (order: LoadOrder) => {
    const tally = { answers: 0, unexpected: 0 };
    const sockets = Array.from({ length: order.connections }, () => drive(order, tally));
    setTimeout(() => {
      tally.answers = 0;
      say({ kind: 'warm' });
      setTimeout(() => {
        say({ kind: 'done', ...tally });
        for (const socket of sockets) socket.destroy();
      }, order.durationMs);
    }, order.warmUpMs);
  });
}

function requestOf({ host, work }: LoadOrder): Buffer {
  const path = work === 'forward 64 KiB' ? BIG_PATH : '/small';
  const headers = `Host: ${host}\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n`;
  if (work !== 'post 1 KiB') return Buffer.from(`GET ${path} HTTP/1.1\r\n${headers}\r\n`);
  return Buffer.from(`POST ${path} HTTP/1.1\r\n${headers}Content-Type: text/plain\r\nContent-Length: 1024\r\n\r\n${'y'.repeat(1_023)}!`);
}

function drive(order: LoadOrder, tally: { answers: number; unexpected: number }): Socket {
  const request = requestOf(order);
  const expected = order.work === 'refuse' ? 'HTTP/1.1 409' : 'HTTP/1.1 200';
  let missing = -1;
  let head = '';
  const socket = connect({ host: '127.0.0.1', port: order.port, noDelay: true }, () => socket.write(request));
  socket.on('error', () => tally.unexpected++).on('data', (chunk) => {
    if (missing < 0) {
      head += chunk.toString('latin1', 0, 2_048);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!head.startsWith(expected)) tally.unexpected++;
      missing = Number(/content-length: (\d+)/i.exec(head)?.[1]) + end + 4 - (head.length - Math.min(chunk.length, 2_048));
      head = '';
    }
    missing -= chunk.length;
    if (missing > 0) return;
    missing = -1;
    tally.answers++;
    socket.write(request);
  });
  return socket;
}

if (process.send !== undefined) {
  const [role, target = ''] = process.argv.slice(2);
  if (role === 'upstream') runUpstream();
  else if (role === 'load') runLoad();
  else if (role === 'fuseboard') await runFuseboard(target);
  else if (role === 'plain') runPlain(target);
  process.on('disconnect', () => process.exit());
}

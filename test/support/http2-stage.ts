/** HTTP/2 calls through the data plane, with real clients and upstreams around them on free ports of the loopback. */
import { once } from 'node:events';
import { connect as connectHttp2, createServer as createHttp2Server, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { HttpProxyOptions, RouteStats } from '#http-proxy';
import { route, startDataPlane, type Cleanup, type DataPlane, type RouteWords } from './data-plane.ts';

export interface Http2Stage extends DataPlane {
  /** Of the first route. */
  readonly pool: RouteStats;
}

/** Routes of protocol `h2c` unless they say otherwise; the first is `api.test`. */
export async function startHttp2Stage(cleanup: Cleanup, words: readonly RouteWords[], options: Partial<HttpProxyOptions> = {}): Promise<Http2Stage> {
  const routes = words.map((each) => route({ protocol: 'h2c', ...each }));
  const plane = await startDataPlane(cleanup, routes, options);
  return Object.defineProperty(plane, 'pool', { get: () => plane.proxy.stats().routes[0] }) as Http2Stage;
}

export interface Http2Upstream {
  readonly target: string;
  /** TCP connections open now, and ever. */
  readonly open: () => number;
  readonly accepted: () => number;
  readonly mostOpen: () => number;
  /** Closes its sessions in order (GOAWAY). */
  readonly goAway: () => void;
}

export type StreamListener = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, rawHeaders: readonly string[]) => void;

export async function startHttp2Upstream(cleanup: Cleanup, listener: StreamListener, options: Parameters<typeof createHttp2Server>[0] = {}): Promise<Http2Upstream> {
  const server = createHttp2Server({ strictSingleValueFields: false, ...options });
  const sockets = new Set<Socket>();
  let accepted = 0;
  let mostOpen = 0;
  const sessions = new Set<{ close(): void; destroy(): void }>();
  server.on('connection', (socket: Socket) => {
    accepted++;
    sockets.add(socket);
    mostOpen = Math.max(mostOpen, sockets.size);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session)).on('error', () => undefined);
  });
  server.on('stream', (...[stream, headers, , rawHeaders]: [ServerHttp2Stream, IncomingHttpHeaders, number, readonly string[]]) => {
    stream.on('error', () => undefined);
    listener(stream, headers, rawHeaders);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const goAway = (): void => {
    for (const session of sessions) session.close();
  };
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { target, open: () => sockets.size, accepted: () => accepted, mostOpen: () => mostOpen, goAway };
}

/** A client's session by prior knowledge. */
export function http2Client(cleanup: Cleanup, port: number): ClientHttp2Session {
  const session = connectHttp2(`http://127.0.0.1:${port}`, { strictSingleValueFields: false } as Parameters<typeof connectHttp2>[1]);
  session.on('error', () => undefined);
  cleanup.add(() => session.destroy());
  return session;
}

export interface Http2Answered {
  /** 0: there was none. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly body: string;
  /** 0: it ended in order. */
  readonly rstCode: number;
  readonly infos: readonly number[];
}

export interface Http2Words {
  /** Name, value, name, value …; pseudo-headers too. Default: a GET of `/` of `api.test`. */
  readonly headers?: readonly string[];
  readonly method?: string;
  readonly path?: string;
  readonly authority?: string;
  readonly body?: string | Buffer;
}

/** Begins a call; its body is the caller's. */
export function beginCall(session: ClientHttp2Session, words: Http2Words = {}, hasBody = false): ClientHttp2Stream {
  const { method = hasBody ? 'POST' : 'GET', path = '/', authority = 'api.test', headers = [] } = words;
  const stream = session.request([':method', method, ':path', path, ':scheme', 'http', ':authority', authority, ...headers], { endStream: !hasBody });
  return stream.on('error', () => undefined);
}

/** One whole call. */
export async function http2Call(session: ClientHttp2Session, words: Http2Words = {}): Promise<Http2Answered> {
  const stream = beginCall(session, words, words.body !== undefined);
  if (words.body !== undefined) stream.end(words.body);
  return readHttp2(stream);
}

export async function readHttp2(stream: ClientHttp2Stream): Promise<Http2Answered> {
  let head: IncomingHttpHeaders = {};
  let rawHeaders: readonly string[] = [];
  let trailers: IncomingHttpHeaders | undefined;
  const infos: number[] = [];
  const chunks: Buffer[] = [];
  stream
    .on('headers', (headers) => infos.push(Number(headers[':status'])))
    .on('response', (...[headers, , raw]) => {
      head = headers;
      rawHeaders = raw;
    })
    .on('trailers', (headers) => {
      trailers = headers;
    })
    .on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => stream.on('close', resolve));
  const status = Number(head[':status'] ?? 0);
  return { status, headers: head, rawHeaders, trailers, infos, body: Buffer.concat(chunks).toString('utf8'), rstCode: stream.rstCode ?? 0 };
}

/** HTTP/2 calls through the data plane's front and session pools, with real clients and upstreams around them on free ports of the loopback. */
import { once } from 'node:events';
import { connect as connectHttp2, createServer as createHttp2Server, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { CallOutcome, Decision, HttpProxyOptions, Route, ServedCall } from '#http-proxy';
import { Deadlines } from '../../libs/http-proxy/src/deadlines.ts';
import { Http2Front, type Http2Context, type Http2Service } from '../../libs/http-proxy/src/http2/front.ts';
import { SessionPool } from '../../libs/http-proxy/src/http2/session-pool.ts';
import { completeOptions } from '../../libs/http-proxy/src/options.ts';
import { targetsOf } from '../../libs/http-proxy/src/service.ts';
import { dial } from '../../libs/http-proxy/src/upstream/dial.ts';
import { RequestLimiter } from '../../libs/http-proxy/src/upstream/rate-limit.ts';
import { Resolver } from '../../libs/http-proxy/src/upstream/resolver.ts';
import { RetryBudget } from '../../libs/http-proxy/src/upstream/retry-budget.ts';
import { Targets, type Target } from '../../libs/http-proxy/src/upstream/targets.ts';
import { ClientTls } from '../../libs/http-proxy/src/upstream/tls.ts';
import { ADMIT, route, type Cleanup, type RouteWords } from './data-plane.ts';

export interface Http2Stage {
  readonly port: number;
  readonly front: Http2Front;
  /** Of the first route. */
  readonly pool: SessionPool;
  readonly outcomes: CallOutcome[];
  readonly calls: ServedCall[];
  /** What is decided from now on. */
  decision: Decision;
  /** Calls begun and not over. */
  inFlight: number;
  readonly route: Route;
}

/** Routes of protocol `h2c` unless they say otherwise; the first is `api.test`. */
export async function startHttp2Stage(cleanup: Cleanup, words: readonly RouteWords[], options: Partial<HttpProxyOptions> = {}): Promise<Http2Stage> {
  const outcomes: CallOutcome[] = [];
  const calls: ServedCall[] = [];
  const stage = { decision: ADMIT, inFlight: 0 };
  const settings = completeOptions({
    decide: () => stage.decision,
    report: (outcome) => outcomes.push(outcome),
    onCall: (served) => calls.push(served),
    ...options,
  });
  const deadlines = new Deadlines(settings.monotonicNow, 40);
  const answered: Http2Context['answered'] = (answer, statusCode, its) => calls.push({ answer, statusCode, ...(its === undefined ? {} : { route: its.name }) });
  const context: Http2Context = {
    settings,
    deadlines,
    answered,
    began: () => stage.inFlight++,
    finished: (answer, statusCode, its) => {
      stage.inFlight--;
      answered(answer, statusCode, its);
    },
  };
  const routes = words.map((each) => route({ protocol: 'h2c', ...each }));
  const services = routes.map((each) => serviceOf(cleanup, each, context));
  const front = new Http2Front(context, { own: () => undefined, find: (authority) => services.find(({ route: { host } }) => authority.split(':')[0] === host) });
  const port = await listenForPrefaces(cleanup, front);
  cleanup.add(() => {
    front.destroy();
    deadlines.stop();
  });
  const [first] = services;
  return Object.assign(stage, { port, front, outcomes, calls, route: routes[0]!, pool: first!.http2! });
}

function serviceOf(cleanup: Cleanup, its: Route, { settings, deadlines }: Http2Context): Http2Service {
  const { now } = deadlines;
  const names = targetsOf(its) as readonly Target[];
  const tls = its.tls === undefined ? undefined : new ClientTls(its.tls, its.host);
  const targets = new Targets(names, { now, resolver: new Resolver({ now }), onGone: (target) => pool.forget(target) });
  const pool = new SessionPool(targets, its.limits, {
    dial: (target) => dial(target, { tls, alpn: ['h2'] }),
    closeMs: settings.timeouts.closeMs,
    responseHeadBytesMax: settings.bounds.responseHeadBytesMax,
    deadlines,
  });
  cleanup.add(() => {
    pool.destroy();
    targets.close();
    tls?.close();
  });
  const speaksHttp2 = its.protocol === 'h2c' || its.protocol === 'grpc';
  return { route: its, http2: speaksHttp2 ? pool : undefined, limiter: new RequestLimiter(its.rateLimits, now), budget: new RetryBudget(() => its.limits) };
}

/** As a listener that speaks both: what begins like HTTP/2 is the front's. */
async function listenForPrefaces(cleanup: Cleanup, front: Http2Front): Promise<number> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.once('data', (first: Buffer) => front.serve(socket, first));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.add(() => server.close());
  return (server.address() as AddressInfo).port;
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

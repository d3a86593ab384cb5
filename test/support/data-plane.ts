/** A data plane under test with real upstreams and clients around it, all on free ports of the loopback. */
import { once } from 'node:events';
import { createServer, request, Agent, type IncomingMessage, type RequestListener, type RequestOptions } from 'node:http';
import { connect, createServer as createTcpServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createHttpProxy, NO_LIMITS, type CallOutcome, type Decision, type HttpProxy, type HttpProxyOptions, type Limits, type Route, type ServedCall } from '#http-proxy';
import { eventually } from './eventually.ts';

/** Undone when a test ends, last first. */
export class Cleanup {
  readonly #steps: (() => unknown)[] = [];

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).toReversed()) await step();
  }
}

/** A server whose connections are seen from its own side. */
export interface Upstream {
  readonly target: string;
  readonly port: number;
  /** Open now: from accepting until the client's end of sending was read or the socket is gone. */
  readonly open: () => number;
  readonly mostOpen: () => number;
  /** Requests on each connection, in the order of accepting. */
  readonly requests: () => readonly number[];
}

export async function startUpstream(cleanup: Cleanup, listener: RequestListener): Promise<Upstream> {
  const server = createServer(listener);
  const upstream = await listening(cleanup, server);
  const counts = new Map<Socket, number>();
  server.on('connection', (socket) => counts.set(socket, 0));
  server.prependListener('request', ({ socket }: IncomingMessage) => counts.set(socket, (counts.get(socket) ?? 0) + 1));
  return { ...upstream, requests: () => [...counts.values()] };
}

/** A server that says whatever bytes the test wants. */
export async function startRawUpstream(cleanup: Cleanup, onConnection: (socket: Socket) => void): Promise<Upstream> {
  const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  return { ...(await listening(cleanup, server)), requests: () => [] };
}

async function listening(cleanup: Cleanup, server: Server): Promise<Omit<Upstream, 'requests'>> {
  const sockets = new Set<Socket>();
  let open = 0;
  let mostOpen = 0;
  server.prependListener('connection', (socket: Socket) => {
    sockets.add(socket);
    open++;
    mostOpen = Math.max(mostOpen, open);
    const gone = () => {
      if (sockets.delete(socket)) open--;
    };
    socket.once('end', gone).once('close', gone);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const all = new Set<Socket>();
  server.on('connection', (socket) => all.add(socket));
  cleanup.add(async () => {
    server.close();
    for (const socket of all) socket.destroy();
  });
  const { port } = server.address() as AddressInfo;
  return { target: `127.0.0.1:${port}`, port, open: () => open, mostOpen: () => mostOpen };
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export interface DataPlane {
  readonly proxy: HttpProxy;
  readonly port: number;
  readonly outcomes: CallOutcome[];
  readonly calls: ServedCall[];
  /** What is decided from now on. */
  decision: Decision;
  /** Names that were asked for, in order. */
  readonly asked: string[];
}

export const ADMIT: Decision = { kind: 'admit', admitted: { incarnation: 1, generation: 3 }, slowTimeThresholdMs: 5_000 };

export async function startDataPlane(cleanup: Cleanup, routes: readonly Route[], options: Partial<HttpProxyOptions> = {}): Promise<DataPlane> {
  const outcomes: CallOutcome[] = [];
  const calls: ServedCall[] = [];
  const asked: string[] = [];
  const plane = { decision: ADMIT };
  const proxy = createHttpProxy({
    decide: (upstream) => {
      asked.push(upstream);
      return plane.decision;
    },
    report: (outcome) => outcomes.push(outcome),
    onCall: (served) => calls.push(served),
    ...options,
  });
  cleanup.add(() => proxy.close({ graceMs: 0 }));
  const problems = await proxy.configure(routes);
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  const address = await proxy.listen('127.0.0.1:0');
  return Object.assign(plane, { proxy, port: Number(address.split(':')[1]), outcomes, calls, asked });
}

export interface RouteWords extends Partial<Omit<Route, 'limits'>> {
  readonly limits?: Partial<Limits>;
}

/** A route of host `api.test`, port 80, with a breaker of the same name. */
export function route(words: RouteWords = {}): Route {
  return { name: 'test/api', upstream: 'api.test', host: 'api.test', port: 80, targets: [], ...words, limits: { ...NO_LIMITS, ...words.limits } };
}

export interface Answered {
  readonly status: number;
  readonly reason: string;
  readonly headers: IncomingMessage['headers'];
  readonly rawHeaders: readonly string[];
  readonly body: string;
  /** The body ended as its framing says. */
  readonly complete: boolean;
}

export interface CallWords extends Omit<RequestOptions, 'headers'> {
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: string | Buffer;
}

/** One call by node:http, to `api.test` unless the headers say otherwise; an answer that breaks off is no error. */
export async function call(port: number, words: CallWords = {}): Promise<Answered> {
  const { body, ...options } = words;
  const outgoing = request({ host: '127.0.0.1', port, agent: false, ...options, headers: { host: 'api.test', ...options.headers } });
  outgoing.end(body);
  const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
  return readAnswer(incoming);
}

export async function readAnswer(incoming: IncomingMessage): Promise<Answered> {
  const chunks: Buffer[] = [];
  incoming.on('error', () => undefined).on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => incoming.on('close', resolve));
  const { statusCode = 0, statusMessage: reason = '', headers, rawHeaders, complete } = incoming;
  return { status: statusCode, reason, headers, rawHeaders, complete, body: Buffer.concat(chunks).toString('latin1') };
}

/** A client that keeps one connection for its calls. */
export function keptAgent(cleanup: Cleanup): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  cleanup.add(() => agent.destroy());
  return agent;
}

/** A client that writes bytes and reads bytes. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  isClosed = false;

  constructor(cleanup: Cleanup, port: number) {
    this.socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    this.socket
      .on('data', (chunk) => (this.text += chunk.toString('latin1')))
      .on('error', () => undefined)
      .on('end', () => this.socket.end())
      .on('close', () => (this.isClosed = true));
    cleanup.add(() => this.socket.destroy());
  }

  send(bytes: string): this {
    this.socket.write(bytes, 'latin1');
    return this;
  }

  /** Until what was read matches. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    return eventually(() => pattern.exec(this.text) ?? undefined, { what: `${pattern} in ${JSON.stringify(this.text.slice(0, 400))}`, everyMs: 5 });
  }

  /** Everything, once the proxy has closed. */
  async untilClosed(): Promise<string> {
    await eventually(() => this.isClosed || undefined, { what: `the end of the connection after ${JSON.stringify(this.text.slice(0, 400))}`, everyMs: 5 });
    return this.text;
  }

  /** How many answers were read. */
  get answers(): number {
    return this.text.match(/HTTP\/1\.1 [2-5]\d\d /g)?.length ?? 0;
  }
}

/** Raw headers as one line each, for comparing. */
export function headerLines(rawHeaders: readonly string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return lines;
}

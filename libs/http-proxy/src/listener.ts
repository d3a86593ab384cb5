/**
 * One listening address and the clients that come in on it. node:http reads and frames their requests; this file sets
 * its limits, takes what it would answer by itself, and knows who is idle.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Server as TcpServer, type AddressInfo, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { formatAddress, type Address } from './address.ts';
import { ClientConnection, type ClientEvents } from './client-connection.ts';
import type { Settings } from './options.ts';

/** A listener that could not be opened; the message names the address. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
  readonly code: string;

  constructor(address: Address, cause: NodeJS.ErrnoException) {
    const where = formatAddress(address);
    const why: Record<string, string> = {
      EADDRINUSE: `${where} is in use by another process or listener`,
      EACCES: `no permission to listen on ${where}`,
      EADDRNOTAVAIL: `${where} is no address of this machine`,
      ENOTFOUND: `${where}: the host name is unknown`,
    };
    super(why[cause.code ?? ''] ?? `can't listen on ${where}: ${cause.message}`, { cause });
    this.code = cause.code ?? 'UNKNOWN';
  }
}

/** After a stop, idle clients are closed this much later: one that is about to send still gets its answer, with `Connection: close`. */
const IDLE_GRACE_MS = 250;
const CLOSE_CHECK_MS = 20;

export class Listener {
  readonly #server: Server;
  readonly #events: ClientEvents;
  readonly #settings: Settings;
  readonly #clients = new Map<Socket, ClientConnection>();
  readonly #whenEmpty: (() => void)[] = [];
  #isClosing = false;

  constructor(settings: Settings, events: ClientEvents) {
    this.#settings = settings;
    this.#events = events;
    const { timeouts, bounds } = settings;
    this.#server = createServer({
      maxHeaderSize: bounds.requestHeadBytesMax,
      headersTimeout: timeouts.clientHeadMs,
      // A body may take as long as it moves: its idle time is watched by the call.
      requestTimeout: 0,
      keepAliveTimeout: timeouts.clientKeepAliveMs,
      connectionsCheckingInterval: timeouts.clientCheckMs,
      noDelay: true,
      // Judged with the rest of the head, so that the refusal is counted.
      requireHostHeader: false,
      optimizeEmptyRequests: true,
    } as Parameters<typeof createServer>[0]);
    // 0: node:http drops no header in silence; more than requestHeadersMax are refused.
    this.#server.maxHeadersCount = 0;
    this.#server.maxConnections = bounds.clientConnectionsMax;
    this.#listenTo(this.#server);
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  get clientConnections(): number {
    return this.#clients.size;
  }

  /** Where it listens; a port of 0 has become a real one. Only after `listen`. */
  get address(): Address {
    const { address, port } = this.#server.address() as AddressInfo;
    return { host: address, port };
  }

  /** @throws ListenError */
  async listen(address: Address): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(new ListenError(address, error)));
      this.#server.listen(address.port, address.host, resolve);
    });
    // Accepting can fail for want of file descriptors; it goes on when there are some again.
    this.#server.removeAllListeners('error').on('error', () => undefined);
  }

  /** Takes no new clients, lets requests finish with `Connection: close`, closes idle clients; resolves when none is left. */
  async close(): Promise<void> {
    this.#isClosing = true;
    // Not http's own close: it would cut idle clients off at once.
    const closed = new Promise<void>((resolve) => TcpServer.prototype.close.call(this.#server, () => resolve()));
    const from = performance.now();
    const timer = setInterval(() => {
      if (performance.now() - from >= IDLE_GRACE_MS) this.#closeIdle();
    }, CLOSE_CHECK_MS);
    await closed;
    // The server lets go of a socket before the socket says that it is closed, and its call ends by that.
    if (this.#clients.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    clearInterval(timer);
    this.#server.close();
  }

  /** Cuts every client off. */
  destroy(): void {
    for (const socket of this.#clients.keys()) socket.destroy();
  }

  #listenTo(server: Server): void {
    const serve = (request: IncomingMessage, response: ServerResponse): void => {
      this.#clients.get(request.socket)?.accept(request, response);
    };
    server
      .on('connection', (socket: Socket) => this.#onConnection(socket))
      .on('request', serve)
      .on('checkContinue', serve)
      .on('checkExpectation', serve)
      .on('connect', (_: IncomingMessage, socket: Duplex) => this.#onTunnel(socket as Socket))
      .on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#onClientError(error, socket as Socket));
  }

  #onConnection(socket: Socket): void {
    const { bounds, timeouts } = this.#settings;
    this.#clients.set(socket, new ClientConnection(socket, this.#events, { pipelinedMax: bounds.pipelinedMax, idleMs: timeouts.idleMs }));
    socket.on('close', () => {
      this.#clients.delete(socket);
      if (this.#isClosing && this.#clients.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
    });
  }

  /** CONNECT: this is no tunnel. node:http has let go of the socket, so nothing more is read as a request. */
  #onTunnel(socket: Socket): void {
    socket.on('error', () => undefined);
    this.#clients.get(socket)?.fault(405);
    socket.resume();
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const statusCode = statusOfParseError(error.code);
    // Who never sent a byte has asked for nothing (a probe, or a connection made ahead): an answer could be taken for
    // that of a request that is on its way.
    if (statusCode === undefined || !socket.writable || socket.bytesRead === 0) socket.destroy();
    else this.#clients.get(socket)?.fault(statusCode);
  }

  #closeIdle(): void {
    for (const [socket, client] of this.#clients) if (client.isIdle) socket.destroySoon();
  }
}

/** undefined: the connection broke, and there is nobody to answer. */
function statusOfParseError(code: string | undefined): number | undefined {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return 431;
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 413;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 408;
    case 'HPE_INVALID_EOF_STATE':
      // It left in the middle of its request.
      return undefined;
    default:
      return code?.startsWith('HPE_') === true ? 400 : undefined;
  }
}

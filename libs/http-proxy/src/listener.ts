/**
 * One listening address and the clients that come in on it, over TLS where the proxy has a certificate. It counts them,
 * gives each a place or none, and knows by its first bytes (or by ALPN) what a client speaks.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import type { Address } from './address.ts';
import type { Clients } from './clients.ts';
import type { ProxyContext } from './context.ts';
import { ClientConnection } from './http1/client-connection.ts';
import type { ClientEvents } from './http1/served-call.ts';
import type { RequestHead } from './http1/request-head.ts';
import type { Peer } from './http1/request-text.ts';
import { listenedOn, listenOn } from './listening.ts';
import type { ListenerTls } from './options.ts';

export interface ListenerEvents {
  /** False: closed at once, it would be one too many. */
  mayAccept(): boolean;
  serve(client: ClientConnection, head: RequestHead): void;
  /** What came was no request, and this status was said to it. */
  onUnreadable(statusCode: number): void;
  /** Whoever is called by this name, as TLS clients say it, is called by HTTP/2. */
  speaksHttp2(name: string): boolean;
  /** A client that speaks HTTP/2. */
  serveHttp2(socket: Socket, first: Buffer, peer: Peer): void;
  /** No more of them come; resolves when the last one has left. */
  closeHttp2(): Promise<void>;
}

/** After a stop, idle clients are closed this much later: one that is about to send still gets its answer, with `Connection: close`. */
const IDLE_GRACE_MS = 250;
const CLOSE_CHECK_MS = 20;
interface Hello {
  /** False: the client names nobody. */
  readonly servername: string | false;
  readonly protocols: readonly string[];
}

const NO_BYTES = Buffer.alloc(0);

export class Listener implements ClientEvents {
  readonly #context: ProxyContext;
  readonly #clients: Clients;
  readonly #events: ListenerEvents;
  readonly #server: Server;
  /** Those of HTTP/1, and of all until their first bytes. */
  readonly #connections = new Set<ClientConnection>();
  readonly #sockets = new Set<Socket>();
  #isClosing = false;

  constructor(context: ProxyContext, clients: Clients, events: ListenerEvents) {
    this.#context = context;
    this.#clients = clients;
    this.#events = events;
    const { tls, timeouts } = context.settings;
    // Half-open: a client's FIN isn't answered by itself, so that closing stays in our hands.
    const options = { allowHalfOpen: true, noDelay: true };
    if (tls === undefined) {
      this.#server = createServer(options, (socket) => {
        if (this.#watch(socket)) this.#accept(socket);
      });
      return;
    }
    const secure = { ...options, ...tlsOptions(tls), ALPNCallback: (hello: unknown) => this.#agree(hello as Hello), handshakeTimeout: timeouts.clientHeadMs };
    this.#server = createTlsServer(secure, (socket) => this.#accept(socket))
      // Until its handshake is over a client has no place, but it counts here.
      .on('connection', (socket: Socket) => this.#watch(socket))
      .on('tlsClientError', (_, socket: TLSSocket) => socket.destroy());
  }

  get isClosing(): boolean {
    return this.#isClosing;
  }

  get clientConnections(): number {
    return this.#sockets.size;
  }

  /** Where it listens; a port of 0 has become a real one. Only after `listen`. */
  get address(): Address {
    return listenedOn(this.#server);
  }

  /** For handshakes from now on. @throws where certificate and key are none. */
  setTls(tls: ListenerTls): void {
    (this.#server as TlsServer).setSecureContext(tlsOptions(tls));
  }

  /** @throws ListenError */
  async listen(address: Address): Promise<void> {
    await listenOn(this.#server, address);
  }

  /** Takes no new clients, lets requests finish with `Connection: close`, closes idle clients; resolves when none is left. */
  async close(): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const from = performance.now();
    const timer = setInterval(() => {
      if (performance.now() - from >= IDLE_GRACE_MS) for (const connection of this.#connections) connection.closeIfIdle();
    }, CLOSE_CHECK_MS);
    await Promise.all([closed, this.#events.closeHttp2()]);
    clearInterval(timer);
  }

  /** Cuts every client off. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  serve(client: ClientConnection, head: RequestHead): void {
    this.#events.serve(client, head);
  }

  onUnreadable(statusCode: number): void {
    this.#events.onUnreadable(statusCode);
  }

  onHttp2({ socket, peer }: ClientConnection, first: Buffer): void {
    this.#events.serveHttp2(socket, first, peer);
  }

  onClosed(connection: ClientConnection): void {
    this.#connections.delete(connection);
    this.#clients.leave(connection.peer);
  }

  /** h2 only where it is spoken, so that a client that could do both isn't sent away (RFC 7301). */
  #agree({ servername, protocols }: Hello): string | undefined {
    const [preferred, other] = servername !== false && this.#events.speaksHttp2(servername) ? ['h2', 'http/1.1'] : ['http/1.1', 'h2'];
    return [preferred, other].find((protocol) => protocols.includes(protocol));
  }

  /** False: it was closed. */
  #watch(socket: Socket): boolean {
    socket.on('error', () => undefined);
    if (this.#sockets.size >= this.#context.settings.bounds.clientConnectionsMax || !this.#events.mayAccept()) {
      socket.destroy();
      return false;
    }
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    return true;
  }

  #accept(socket: Socket | TLSSocket): void {
    const peer = this.#clients.enter(socket);
    if (peer === undefined) {
      socket.destroy();
    } else if ('alpnProtocol' in socket && socket.alpnProtocol === 'h2') {
      socket.on('error', () => undefined).on('close', () => this.#clients.leave(peer));
      this.#events.serveHttp2(socket, NO_BYTES, peer);
    } else {
      this.#connections.add(new ClientConnection(socket, peer, { context: this.#context, events: this }));
    }
  }
}

function tlsOptions({ cert, key, ca }: ListenerTls): TlsOptions {
  return { cert, key, ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }) };
}

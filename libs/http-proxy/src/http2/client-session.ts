/**
 * One HTTP/2 connection of a client. A stream is served one turn after it came, so that one that is reset in the same
 * packet costs nothing: of a rapid reset attack (CVE-2023-44487) little reaches an upstream, and node:http2 ends the
 * session when the resets go on.
 */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Timed } from '../deadlines.ts';
import type { ProxyContext } from '../context.ts';
import type { Peer } from '../http1/request-text.ts';
import type { Bounds } from '../options.ts';
import { ClientStream } from './client-stream.ts';
import { takeSensitive } from './headers.ts';

export interface ClientSessionEvents {
  serve(peer: Peer, client: ClientStream, rawHeaders: readonly string[]): void;
  /** @param wasFlood node:http2 ended it for too many resets or invalid frames. */
  onClosed(session: ClientSession, wasFlood: boolean): void;
}

interface Arrived {
  readonly client: ClientStream;
  readonly rawHeaders: readonly string[];
}

/** Resets that a client has at once, and how many more each second; beyond, its session is ended. */
const RESET_BURST = 100;
const RESETS_PER_SECOND = 33;
/** Frames that can't be right, in the life of a session. */
const INVALID_FRAMES_MAX = 100;
const TCP_KEEP_ALIVE_MS = 30_000;
const WINDOW_BYTES = 1_048_576;

export class ClientSession implements Timed {
  dueAtMs: number;
  readonly #context: ProxyContext;
  readonly #events: ClientSessionEvents;
  readonly #socket: Socket;
  readonly #session: ServerHttp2Session;
  readonly #peer: Peer;
  #arrived: Arrived[] = [];
  #open = 0;
  #served = 0;
  #isClosing = false;
  #resets = 0;
  #wasFlood = false;

  /** @param first bytes already read, the preface first; none where TLS agreed on HTTP/2. */
  constructor(socket: Socket, first: Buffer, rest: { context: ProxyContext; peer: Peer; events: ClientSessionEvents }) {
    this.#context = rest.context;
    this.#events = rest.events;
    this.#peer = rest.peer;
    this.#socket = socket;
    const { bounds, timeouts } = rest.context.settings;
    // SETTINGS come with the preface, or this is no client.
    this.dueAtMs = rest.context.deadlines.now() + timeouts.clientHeadMs;
    socket.pause();
    if (first.length > 0) socket.unshift(first);
    socket
      .on('error', () => undefined)
      // It can't reset or window anything any more.
      .on('end', () => socket.destroy())
      .on('close', () => this.#onClose());
    socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
    this.#session = performServerHandshake(socket, sessionOptions(bounds));
    this.#session
      .on('stream', (...[stream, headers, flags, rawHeaders]) => this.#onStream(stream, flags, takeSensitive(rawHeaders, headers)))
      .on('remoteSettings', () => this.#rest())
      .on('error', (error: NodeJS.ErrnoException) => {
        // The error of a reset flood is the one that clients of Go leave behind when they close.
        this.#wasFlood ||= error.code === 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES' || this.#resets > RESET_BURST;
      });
    this.#session.setLocalWindowSize(WINDOW_BYTES);
    rest.context.deadlines.add(this);
  }

  /** Says that it ends (GOAWAY), lets the streams that are open end, closes. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#session.close();
    this.#rest();
  }

  /** At once. */
  destroy(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  onDue(): void {
    this.dueAtMs = Infinity;
    if (this.#isClosing) this.#socket.destroy();
    else this.close();
  }

  #onStream(stream: ServerHttp2Stream, flags: number, rawHeaders: readonly string[]): void {
    const { deadlines, settings } = this.#context;
    const requestEnded = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    const client = new ClientStream(stream, { requestEnded, deadlines, idleMs: settings.timeouts.idleMs });
    this.#open++;
    this.#served++;
    this.dueAtMs = Infinity;
    stream.on('close', () => {
      this.#open--;
      if (client.wasReset) this.#resets++;
      this.#rest();
    });
    if (this.#arrived.length === 0) setImmediate(() => this.#serveArrived());
    this.#arrived.push({ client, rawHeaders });
    if (this.#served >= settings.bounds.requestsPerConnectionMax) this.close();
  }

  #serveArrived(): void {
    const arrived = this.#arrived;
    this.#arrived = [];
    for (const { client, rawHeaders } of arrived) if (!client.isClosed) this.#events.serve(this.#peer, client, rawHeaders);
  }

  #rest(): void {
    if (this.#open > 0) return;
    const { timeouts } = this.#context.settings;
    this.dueAtMs = this.#context.deadlines.now() + (this.#isClosing ? timeouts.closeMs : timeouts.clientKeepAliveMs);
  }

  #onClose(): void {
    this.#context.deadlines.delete(this);
    this.#session.destroy();
    // Its streams end in turns of their own, and their calls by that.
    setImmediate(() => this.#events.onClosed(this, this.#wasFlood));
  }
}

function sessionOptions(bounds: Bounds): Parameters<typeof performServerHandshake>[1] {
  return {
    settings: { maxConcurrentStreams: bounds.streamsMax, maxHeaderListSize: 2 * bounds.requestHeadBytesMax },
    // Up to twice the bound is answered by 431, more is reset by node:http2.
    maxHeaderListPairs: 2 * bounds.requestHeadersMax,
    // A head that is too long would end the whole session.
    maxSendHeaderBlockLength: 16 * bounds.responseHeadBytesMax,
    streamResetBurst: RESET_BURST,
    streamResetRate: RESETS_PER_SECOND,
    maxSessionInvalidFrames: INVALID_FRAMES_MAX,
    // Repeats pass as they came.
    strictSingleValueFields: false,
  };
}

/**
 * One HTTP/2 connection to an upstream, with many calls at once. It is ready when the upstream's SETTINGS are here: from
 * then on it is known to speak HTTP/2, and how many streams it takes. A socket counts as open until the upstream has
 * closed its side too, and a moment more, as in HTTP/1.
 */
import type { Socket } from 'node:net';
import { connect, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { Deadlines, Timed } from '../deadlines.ts';
import { connectErrorOf, type ConnectError } from '../failure.ts';
import type { Dialled } from '../upstream/dial.ts';
import type { Target } from '../upstream/targets.ts';

export interface SessionOwner {
  /** It takes calls. */
  onReady(session: UpstreamSession): void;
  onFailed(session: UpstreamSession, error: ConnectError): void;
  /** It takes no further calls; those on it go on. */
  onLeaving(session: UpstreamSession): void;
  /** More of its streams may be used than before. */
  onRoom(): void;
  /** Nothing is left of it. */
  onClosed(session: UpstreamSession): void;
}

export interface SessionSettings {
  readonly dial: (target: Target) => Dialled;
  /** Look-up, TCP, TLS and the upstream's SETTINGS together, ms. */
  readonly connectTimeoutMs: number;
  /** For an upstream to close its side once we closed ours, ms. */
  readonly closeMs: number;
  /** Bytes. */
  readonly responseHeadBytesMax: number;
  readonly deadlines: Deadlines;
}

export type SessionPhase = 'connecting' | 'open' | 'leaving' | 'closed';

/**
 * A session without a call is kept this long, ms. Longer than an idle HTTP/1 connection: an upstream that closes one says
 * so by GOAWAY, and names the calls that it didn't take.
 */
const KEEP_ALIVE_MS = 60_000;
/** Streams at once before the upstream has said how many it takes; RFC 9113 6.5.2 recommends that it be no fewer. */
const STREAMS_ASSUMED = 100;
/** Streams at once on one session, however many more the upstream takes: beyond, a second one shares the load. */
const STREAMS_MAX = 1_000;
/** Calls on one session in its life: the numbers of streams end at 2^31. */
const CALLS_MAX = 1_000_000_000;
/** TCP's own probes find a peer that is gone without a word; PINGs that gRPC servers would count as abuse aren't needed. */
const TCP_KEEP_ALIVE_MS = 30_000;
/** See UpstreamConnection. */
const SETTLE_MS = 3;
const HEADERS_MAX = 1_000;
const WINDOW_BYTES = 1_048_576;

export class UpstreamSession implements Timed {
  readonly target: Target;
  /** Monotonic, ms. */
  readonly startedAtMs: number;
  dueAtMs: number;
  /** Calls that have it now; kept by the owner. */
  calls = 0;
  /** Calls that ever had it; kept by the owner. */
  served = 0;
  /** Something came from the upstream on a stream; monotonic, ms. */
  heardAtMs: number;
  readonly #owner: SessionOwner;
  readonly #settings: SessionSettings;
  readonly #socket: Socket;
  readonly #session: ClientHttp2Session;
  #phase: SessionPhase = 'connecting';
  #streamsMax = STREAMS_ASSUMED;
  #connectError: ConnectError | undefined;
  #goawayCode = 0;
  /** The last that the upstream looked at. */
  #lastStreamId = Infinity;

  constructor(target: Target, owner: SessionOwner, settings: SessionSettings) {
    this.target = target;
    this.#owner = owner;
    this.#settings = settings;
    this.startedAtMs = settings.deadlines.now();
    this.heardAtMs = this.startedAtMs;
    this.dueAtMs = this.startedAtMs + settings.connectTimeoutMs;
    const { socket, ready } = settings.dial(target);
    this.#socket = socket;
    // Before the session's own listener, which sends the preface.
    if (ready === 'secureConnect') socket.once(ready, () => this.#onSecure(socket as TLSSocket));
    this.#session = openSession(socket, settings.responseHeadBytesMax);
    socket
      .on('error', (error: NodeJS.ErrnoException) => this.#onError(error))
      // The upstream sends no more: what isn't answered won't be.
      .on('end', () => socket.destroy())
      .on('close', () => this.#onClose());
    this.#session
      .on('connect', () => this.#onConnect())
      .on('error', (error: NodeJS.ErrnoException) => this.#onError(error))
      .on('remoteSettings', () => this.#onSettings())
      .on('goaway', (code, lastStreamId) => {
        this.#goawayCode = code;
        this.#lastStreamId = lastStreamId;
        this.#leave();
      });
    settings.deadlines.add(this);
  }

  get phase(): SessionPhase {
    return this.#phase;
  }

  /** How many calls may be on it at once. */
  get streamsMax(): number {
    return this.#streamsMax;
  }

  /** GOAWAY with an error came: its calls were cut off. */
  get wasCutOff(): boolean {
    return this.#goawayCode !== 0;
  }

  /** The upstream has said that it won't look at this stream (RFC 9113 6.8). */
  hasDisowned(stream: ClientHttp2Stream): boolean {
    return this.wasCutOff && (stream.id ?? 0) > this.#lastStreamId;
  }

  hasRoom(callsMax: number): boolean {
    const takesCalls = this.#phase === 'open' || (this.#phase === 'connecting' && this.#connectError === undefined);
    return takesCalls && this.calls < this.#streamsMax && this.served < Math.min(callsMax, CALLS_MAX);
  }

  /** @param headers with pseudo-headers, lower-case names. */
  request(headers: readonly string[], options: { endStream: boolean; waitForTrailers: boolean }): ClientHttp2Stream {
    return this.#session.request(headers, options);
  }

  /** The owner has changed `calls`. */
  onCallsChanged(): void {
    const nowMs = this.#settings.deadlines.now();
    if (this.#phase === 'open') this.dueAtMs = this.calls === 0 ? nowMs + KEEP_ALIVE_MS : Infinity;
    else if (this.#phase === 'leaving') this.dueAtMs = this.calls === 0 ? nowMs + this.#settings.closeMs : Infinity;
  }

  /** A call that began at sinceMs ran out of time: a session on which nothing was heard meanwhile gets no more calls. */
  suspect(sinceMs: number): void {
    if (this.heardAtMs < sinceMs) this.retire();
  }

  /** Takes no further calls and closes after the last. */
  retire(): void {
    if (this.#phase === 'leaving' || this.#phase === 'closed') return;
    const wasConnecting = this.#phase === 'connecting';
    this.#leave();
    if (wasConnecting) this.destroy();
    else this.#session.close();
  }

  /** At once. */
  destroy(): void {
    this.#leave();
    this.#session.destroy();
    this.#socket.destroy();
  }

  onDue(): void {
    this.dueAtMs = Infinity;
    if (this.#phase === 'open') this.retire();
    else if (this.#phase === 'leaving') this.#socket.resetAndDestroy();
    else this.#failConnect('connect-timeout');
  }

  #onSecure(socket: TLSSocket): void {
    // RFC 9113 3.2: HTTP/2 over TLS is agreed on by ALPN.
    if (socket.alpnProtocol !== 'h2') this.#failConnect('tls');
  }

  #onConnect(): void {
    if (this.#session.destroyed) return;
    this.#session.setLocalWindowSize(WINDOW_BYTES);
    this.#socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  }

  #onSettings(): void {
    this.#streamsMax = Math.min(this.#session.remoteSettings.maxConcurrentStreams ?? STREAMS_MAX, STREAMS_MAX);
    if (this.#phase === 'open') {
      this.#owner.onRoom();
    } else if (this.#phase === 'connecting') {
      this.#phase = 'open';
      this.onCallsChanged();
      this.#owner.onReady(this);
    }
  }

  #failConnect(error: ConnectError): void {
    this.#connectError ??= error;
    this.#session.destroy();
    this.#socket.destroy();
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#phase !== 'connecting') return;
    // node:http2's own: what came is no HTTP/2.
    this.#connectError ??= error.code?.startsWith('ERR_HTTP2') === true ? 'bad-response' : connectErrorOf(error);
    this.#socket.destroy();
  }

  #leave(): void {
    if (this.#phase === 'leaving' || this.#phase === 'closed') return;
    this.#phase = 'leaving';
    this.onCallsChanged();
    this.#owner.onLeaving(this);
  }

  #onClose(): void {
    const wasConnecting = this.#phase === 'connecting';
    this.#leave();
    this.#phase = 'closed';
    this.#settings.deadlines.delete(this);
    this.#session.destroy();
    if (wasConnecting) this.#owner.onFailed(this, this.#connectError ?? 'reset');
    setTimeout(() => this.#owner.onClosed(this), SETTLE_MS);
  }
}

function openSession(socket: Socket, responseHeadBytesMax: number): ClientHttp2Session {
  const options = {
    createConnection: () => socket,
    settings: { enablePush: false, maxHeaderListSize: 2 * responseHeadBytesMax },
    maxHeaderListPairs: HEADERS_MAX,
    maxReservedRemoteStreams: 0,
    // A head that is too long would end the whole session.
    maxSendHeaderBlockLength: 16 * responseHeadBytesMax,
    // Repeats pass as they came.
    strictSingleValueFields: false,
  };
  // The name is never used: each request has its own authority.
  return connect('http://upstream', options);
}

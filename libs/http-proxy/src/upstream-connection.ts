/**
 * One TCP connection to an upstream: one request at a time, one answer for each. What it promises:
 *
 * - A socket counts as open until the upstream has closed its side too (or was reset), and a moment more: whoever opens
 *   a replacement when `onClosed` came never shows the upstream more connections than allowed.
 * - An answer belongs to the request on the connection or to nobody: bytes that come unasked, or after an answer's
 *   end, close it.
 * - An exchange ends once: by `onEnd`, by `onFail`, or by `abandon`, after which it hears nothing more.
 */
import type { Socket } from 'node:net';
import { MessageParser, type MessageSink } from './http1/message-parser.ts';
import type { MessageHead } from './http1/message-head.ts';
import { connectErrorOf, isTlsError, type ConnectError } from './failure.ts';
import type { Deadlines, Timed } from './deadlines.ts';
import type { UpstreamError } from './route.ts';
import { dial } from './upstream/dial.ts';
import type { Target } from './upstream/targets.ts';
import type { ClientTls } from './upstream/tls.ts';

/** The call that a connection serves. Called synchronously from socket events. */
export interface Exchange {
  /** 1xx; the answer is still to come. */
  onInterim(head: MessageHead): void;
  /** @param body see MessageSink. The head stays as it is until the exchange is over. */
  onHead(head: MessageHead, body: number): void;
  onBody(chunk: Buffer): void;
  /** All that has arrived so far was handed over; more may take a while. */
  onPause(): void;
  onEnd(trailers: readonly string[]): void;
  onFail(error: UpstreamError): void;
  /** The socket takes request bytes again. */
  onWritable(): void;
  /** 101, where `begin` said that it may come: the socket is the exchange's own from here on, with what was read behind it. */
  onSwitched(head: MessageHead, socket: Socket, rest: Buffer): void;
}

export interface Beginning {
  readonly isHeadRequest: boolean;
  /** 101 is an answer that was asked for. */
  readonly maySwitch: boolean;
}

/** Who keeps connections of type C (the pool). */
export interface ConnectionOwner<C> {
  onConnected(connection: C): void;
  onConnectFailed(connection: C, error: ConnectError): void;
  /** Its exchange is over and it can serve another. */
  onFree(connection: C): void;
  /** It serves nobody from here on, having been in phase `before`; the socket may take a while to close. */
  onUnusable(connection: C, before: Phase): void;
  /** Nothing is left of it. */
  onClosed(connection: C): void;
}

export interface ConnectionSettings {
  readonly connectTimeoutMs: number;
  readonly keepAliveMs: number;
  readonly closeMs: number;
  readonly responseHeadBytesMax: number;
  readonly deadlines: Deadlines;
  /** Absent: cleartext. */
  readonly tls?: ClientTls | undefined;
}

/** `leaving`: closed by us, the upstream hasn't closed yet. */
export type Phase = 'connecting' | 'idle' | 'busy' | 'leaving' | 'closed';

/** An upstream that says how long it keeps an idle connection is left this much earlier, so that requests don't cross its close. */
const KEEP_ALIVE_MARGIN_MS = 1_000;
/**
 * How long a connection counts after both sides have closed: an upstream may learn of our close in the same turn of its
 * event loop as of the replacement, and would count both. Nobody waits for this below maxConnections.
 */
const SETTLE_MS = 3;
/** The bytes of a head are bounded; so many headers never are in one. */
const HEADERS_MAX = 1_000;
const KEEP_ALIVE_MAX_MS = 60_000;
const KEEP_ALIVE_TIMEOUT = /(?:^|[,;\s])timeout\s*=\s*"?([0-9]{1,6})/i;

/** Answers of 1xx to one request; more are no HTTP worth waiting for. */
const INTERIM_MAX = 32;
const NO_BYTES = Buffer.alloc(0);

export class UpstreamConnection implements MessageSink, Timed {
  readonly target: Target;
  readonly startedAtMs: number;
  /** Requests begun on it. */
  requests = 0;
  /** Set by the owner before the last exchange: it is closed after that. */
  isLast = false;
  dueAtMs = Infinity;
  readonly #owner: ConnectionOwner<UpstreamConnection>;
  readonly #settings: ConnectionSettings;
  readonly #socket: Socket;
  readonly #parser: MessageParser;
  #phase: Phase = 'connecting';
  #timer: NodeJS.Timeout | undefined;
  #connectError: ConnectError | undefined;
  #exchange: Exchange | undefined;
  #maySwitch = false;
  #interims = 0;
  #requestSent = false;
  #isInterim = false;
  #trailers: readonly string[] | undefined;
  #keepAliveMs: number;

  constructor(target: Target, owner: ConnectionOwner<UpstreamConnection>, settings: ConnectionSettings) {
    this.target = target;
    this.#owner = owner;
    this.#settings = settings;
    this.#keepAliveMs = settings.keepAliveMs;
    this.startedAtMs = settings.deadlines.now();
    this.#parser = new MessageParser('response', this, { headBytesMax: settings.responseHeadBytesMax, headersMax: HEADERS_MAX, targetBytesMax: 0 });
    // Half-open: the upstream's FIN isn't answered by itself, so that closing stays in our hands.
    const { socket, ready } = dial(target, { tls: settings.tls });
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#onConnectTimeout(), settings.connectTimeoutMs);
    this.#socket
      .on(ready, () => this.#onConnect())
      .on('data', (chunk: Buffer) => this.#onData(chunk))
      .on('drain', () => this.#exchange?.onWritable())
      .on('end', () => this.#onPeerEnd())
      .on('error', (error: NodeJS.ErrnoException) => this.#onError(error))
      .on('close', () => this.#onClose());
    settings.deadlines.add(this);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The socket has enough for now. What it took at once isn't waited for, whatever `write` says. */
  get isBlocked(): boolean {
    return this.#socket.writableNeedDrain && this.#socket.writableLength > 0;
  }

  /** From `idle` to `busy`. */
  begin(exchange: Exchange, { isHeadRequest, maySwitch }: Beginning): void {
    if (this.#phase !== 'idle') throw new Error(`a connection that is ${this.#phase} can't serve a call`);
    this.#phase = 'busy';
    // Before the second request: the first finds the parser as it was made.
    if (this.requests > 0) this.#parser.begin();
    this.#parser.isToHead = isHeadRequest;
    this.requests++;
    this.#exchange = exchange;
    this.#maySwitch = maySwitch;
    this.#interims = 0;
    this.#requestSent = false;
    this.#trailers = undefined;
    this.dueAtMs = Infinity;
  }

  write(data: string | Buffer): void {
    if (typeof data === 'string') this.#socket.write(data, 'latin1');
    else this.#socket.write(data);
  }

  /** Writes between the two go out as one. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** The request's last byte was written. */
  endRequest(): void {
    this.#requestSent = true;
  }

  /** Back-pressure: the client is slower than the upstream. What was read already still comes. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** The exchange's own wish to end early: the connection can't be used again. */
  abandon(): void {
    this.#exchange = undefined;
    this.retire();
  }

  /** Closes in order: our FIN, then the upstream's, then `onClosed`; after closeMs the socket is reset. */
  retire(): void {
    if (this.#phase === 'leaving' || this.#phase === 'closed') return;
    const wasConnecting = this.#phase === 'connecting';
    this.#leave();
    if (wasConnecting) {
      this.#socket.destroy();
      return;
    }
    this.#timer = setTimeout(() => this.#socket.resetAndDestroy(), this.#settings.closeMs);
    this.#socket.end();
    // What it still sends is read and dropped, else its FIN would never be seen.
    this.#socket.resume();
  }

  /** At once, for a proxy that stops. */
  destroy(): void {
    this.#exchange = undefined;
    this.#leave();
    this.#socket.destroy();
  }

  onDue(): void {
    this.dueAtMs = Infinity;
    if (this.#phase === 'idle') this.retire();
  }

  onHead(head: MessageHead, body: number): void {
    const { statusCode } = head;
    this.#isInterim = statusCode < 200;
    if (!this.#isInterim) {
      this.#keepAliveMs = keepAliveOf(head, this.#settings.keepAliveMs);
      this.#exchange?.onHead(head, body);
      return;
    }
    // A switch of protocols that nobody asked for, or announcements without end.
    if (statusCode < 100 || (statusCode === 101 && !this.#maySwitch) || ++this.#interims > INTERIM_MAX) this.#fail('bad-response');
    else if (statusCode !== 101) this.#exchange?.onInterim(head);
  }

  onBody(chunk: Buffer): void {
    this.#exchange?.onBody(chunk);
  }

  onEnd(trailers: readonly string[]): void {
    if (!this.#isInterim) this.#trailers = trailers;
    else if (this.#parser.head.statusCode !== 101 && this.#phase === 'busy') this.#parser.begin();
  }

  onFault(): void {
    this.#fail('bad-response');
  }

  #onConnect(): void {
    clearTimeout(this.#timer);
    if (this.#phase !== 'connecting') return;
    this.#phase = 'idle';
    this.#rest();
    this.#owner.onConnected(this);
  }

  #onConnectTimeout(): void {
    this.#connectError = 'connect-timeout';
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    // Bytes that nobody asked for.
    if (this.#phase === 'idle') this.retire();
    // The rest of an answer that nobody wants any more.
    if (this.#phase !== 'busy') return;
    const at = this.#parser.read(chunk, 0);
    if (this.#phase !== 'busy') return;
    if (this.#trailers !== undefined) this.#finish(at === chunk.length);
    else if (this.#isInterim && this.#parser.head.statusCode === 101) this.#switch(at === chunk.length ? NO_BYTES : chunk.subarray(at));
    else this.#exchange?.onPause();
  }

  /** It stays `busy` until the socket is closed, whoever has it. */
  #switch(rest: Buffer): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#socket.removeAllListeners('data').removeAllListeners('drain').removeAllListeners('end');
    exchange?.onSwitched(this.#parser.head, this.#socket, rest);
  }

  #onPeerEnd(): void {
    // In the middle of the TLS handshake: the error that comes with it says so.
    if (this.#phase === 'connecting') return;
    if (this.#phase !== 'busy') {
      this.retire();
      return;
    }
    // A body without a length ends with the connection; anything else is cut off.
    this.#parser.finish();
    if (this.#trailers === undefined) this.#fail('reset');
    else this.#finish(false);
  }

  /** The answer is whole. An upstream that didn't wait for the request's end won't get the rest of it. */
  #finish(isClean: boolean): void {
    const exchange = this.#exchange;
    const trailers = this.#trailers ?? [];
    const mayStay = isClean && this.#parser.keepsAlive && this.#requestSent && !this.isLast && this.#keepAliveMs > 0;
    this.#exchange = undefined;
    if (!mayStay) {
      this.retire();
      exchange?.onEnd(trailers);
      return;
    }
    this.#phase = 'idle';
    if (this.#socket.isPaused()) this.#socket.resume();
    this.#rest();
    // The connection first, so that the caller's next request finds it; the exchange is no longer on it.
    this.#owner.onFree(this);
    exchange?.onEnd(trailers);
  }

  #rest(): void {
    this.dueAtMs = this.#settings.deadlines.now() + this.#keepAliveMs;
  }

  #fail(error: UpstreamError): void {
    const exchange = this.#exchange;
    this.#parser.stop();
    this.abandon();
    exchange?.onFail(error);
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#phase === 'connecting') this.#connectError ??= connectErrorOf(error);
    // TLS 1.3 lets an upstream refuse our certificate after the handshake.
    else if (this.#phase === 'busy' && isTlsError(error)) this.#fail('tls');
  }

  #leave(): void {
    const before = this.#phase;
    if (before === 'leaving' || before === 'closed') return;
    this.#phase = 'leaving';
    this.dueAtMs = Infinity;
    clearTimeout(this.#timer);
    this.#parser.stop();
    this.#owner.onUnusable(this, before);
  }

  #onClose(): void {
    const wasConnecting = this.#phase === 'connecting';
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#leave();
    clearTimeout(this.#timer);
    this.#phase = 'closed';
    this.#settings.deadlines.delete(this);
    this.#parser.free();
    if (wasConnecting) {
      this.#owner.onConnectFailed(this, this.#connectError ?? 'reset');
      this.#owner.onClosed(this);
      return;
    }
    exchange?.onFail('reset');
    setTimeout(() => this.#owner.onClosed(this), SETTLE_MS);
  }
}

function keepAliveOf(head: MessageHead, defaultMs: number): number {
  for (let n = 0; n < head.count; n++) {
    if (head.nameLength(n) !== 10 || !head.isNamed(n, 'keep-alive')) continue;
    const seconds = KEEP_ALIVE_TIMEOUT.exec(head.value(n))?.[1];
    if (seconds !== undefined) return Math.min(Number(seconds) * 1_000 - KEEP_ALIVE_MARGIN_MS, KEEP_ALIVE_MAX_MS);
  }
  return defaultMs;
}

/**
 * One TCP connection to an upstream: one request at a time, one answer for each. What it promises:
 *
 * - A socket counts as open until the upstream has closed its side too (or was reset), and a moment more: whoever opens
 *   a replacement when `onClosed` came never shows the upstream more connections than allowed.
 * - An answer belongs to the request on the connection or to nobody: bytes that come unasked, or after an answer's
 *   end, close it.
 * - An exchange ends once: by `onEnd`, by `onFail`, or by `abandon`, after which it hears nothing more.
 */
import { connect, type Socket } from 'node:net';
import { connectErrorOf, type ConnectError } from './failure.ts';
import type { Deadlines, Timed } from './deadlines.ts';
import { ResponseParser, type ResponseSink } from './response-parser.ts';
import type { UpstreamError } from './route.ts';

/** Where connections go. */
export interface Target {
  /** `HOST:PORT`. */
  readonly label: string;
  readonly host: string;
  readonly port: number;
}

/** The call that a connection serves. Called synchronously from socket events. */
export interface Exchange {
  onHead(statusCode: number, reason: string, rawHeaders: string[]): void;
  onBody(chunk: Buffer): void;
  /** All that has arrived so far was handed over; more may take a while. */
  onPause(): void;
  onEnd(): void;
  onFail(error: UpstreamError): void;
  /** The socket takes request bytes again. */
  onWritable(): void;
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
const KEEP_ALIVE_MAX_MS = 60_000;
const KEEP_ALIVE_TIMEOUT = /(?:^|[,;\s])timeout\s*=\s*"?([0-9]{1,6})/i;

export class UpstreamConnection implements ResponseSink, Timed {
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
  readonly #parser: ResponseParser;
  #phase: Phase = 'connecting';
  #timer: NodeJS.Timeout | undefined;
  #connectError: ConnectError | undefined;
  #exchange: Exchange | undefined;
  #isHeadRequest = false;
  #requestSent = false;
  #answerDone = false;
  #mayStay = false;
  #keepAliveMs: number;

  constructor(target: Target, owner: ConnectionOwner<UpstreamConnection>, settings: ConnectionSettings) {
    this.target = target;
    this.#owner = owner;
    this.#settings = settings;
    this.#keepAliveMs = settings.keepAliveMs;
    this.startedAtMs = settings.deadlines.now();
    this.#parser = new ResponseParser(this, settings.responseHeadBytesMax);
    // Half-open: the upstream's FIN isn't answered by itself, so that closing stays in our hands.
    this.#socket = connect({ host: target.host, port: target.port, allowHalfOpen: true, noDelay: true });
    this.#timer = setTimeout(() => this.#onConnectTimeout(), settings.connectTimeoutMs);
    this.#socket
      .on('connect', () => this.#onConnect())
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

  /** From `idle` to `busy`. */
  begin(exchange: Exchange, isHeadRequest: boolean): void {
    if (this.#phase !== 'idle') throw new Error(`a connection that is ${this.#phase} can't serve a call`);
    this.#phase = 'busy';
    this.requests++;
    this.#exchange = exchange;
    this.#isHeadRequest = isHeadRequest;
    this.#requestSent = false;
    this.#answerDone = false;
    this.dueAtMs = Infinity;
  }

  /** Request bytes; false: the socket has enough, wait for `onWritable`. */
  write(data: string | Buffer): boolean {
    return typeof data === 'string' ? this.#socket.write(data, 'latin1') : this.#socket.write(data);
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

  onHead(statusCode: number, reason: string, rawHeaders: string[]): boolean {
    this.#keepAliveMs = keepAliveOf(rawHeaders, this.#settings.keepAliveMs);
    this.#exchange?.onHead(statusCode, reason, rawHeaders);
    return !this.#isHeadRequest;
  }

  onBody(chunk: Buffer): void {
    this.#exchange?.onBody(chunk);
  }

  onComplete(keepAlive: boolean): void {
    this.#answerDone = true;
    this.#mayStay = keepAlive;
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
    const reading = this.#parser.execute(chunk);
    if (this.#phase !== 'busy') return;
    if (reading.kind === 'invalid') this.#fail('bad-response');
    else if (this.#answerDone) this.#finish(reading.kind === 'all');
    else this.#exchange?.onPause();
  }

  #onPeerEnd(): void {
    if (this.#phase !== 'busy') {
      this.retire();
      return;
    }
    // A body without a length ends with the connection; anything else is cut off.
    this.#parser.finish();
    if (this.#answerDone) this.#finish(false);
    else this.#fail('reset');
  }

  /** The answer is whole. An upstream that didn't wait for the request's end won't get the rest of it. */
  #finish(isClean: boolean): void {
    const exchange = this.#exchange;
    const mayStay = isClean && this.#mayStay && this.#requestSent && !this.isLast && this.#keepAliveMs > 0;
    this.#exchange = undefined;
    if (!mayStay) {
      this.retire();
      exchange?.onEnd();
      return;
    }
    this.#phase = 'idle';
    this.#socket.resume();
    this.#rest();
    // The connection first, so that the caller's next request finds it; the exchange is no longer on it.
    this.#owner.onFree(this);
    exchange?.onEnd();
  }

  #rest(): void {
    this.dueAtMs = this.#settings.deadlines.now() + this.#keepAliveMs;
  }

  #fail(error: UpstreamError): void {
    const exchange = this.#exchange;
    this.abandon();
    exchange?.onFail(error);
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.#phase === 'connecting') this.#connectError ??= connectErrorOf(error);
  }

  #leave(): void {
    const before = this.#phase;
    if (before === 'leaving' || before === 'closed') return;
    this.#phase = 'leaving';
    this.dueAtMs = Infinity;
    clearTimeout(this.#timer);
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

function keepAliveOf(rawHeaders: readonly string[], defaultMs: number): number {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name.length !== 10 || name.toLowerCase() !== 'keep-alive') continue;
    const seconds = KEEP_ALIVE_TIMEOUT.exec(rawHeaders[i + 1] as string)?.[1];
    if (seconds !== undefined) return Math.min(Number(seconds) * 1_000 - KEEP_ALIVE_MARGIN_MS, KEEP_ALIVE_MAX_MS);
  }
  return defaultMs;
}

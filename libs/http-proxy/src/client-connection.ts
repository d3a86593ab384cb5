/**
 * A client's connection: its requests are served one after the other, in their order, however many were sent ahead
 * (pipelining). So an unsafe request never overtakes, and one client can't multiply itself.
 */
import type { Socket } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { rawAnswer } from './own-answer.ts';

/** What the connection has to know of a request that is being served. */
export interface ServedRequest {
  /** The client is gone. */
  onClientGone(): void;
  /** The client broke the protocol in the middle of this request's body. True: nothing was answered yet. */
  onClientFault(): boolean;
}

export interface ClientEvents {
  readonly serve: (connection: ClientConnection, request: IncomingMessage, response: ServerResponse) => void;
  /** What came was no request, and this status was said to it. */
  readonly onUnreadable: (statusCode: number) => void;
}

export interface ClientBounds {
  /** Requests read ahead of the one being served. */
  readonly pipelinedMax: number;
  /** For a client to take some of an answer that is complete, ms. */
  readonly idleMs: number;
}

/** How long a client may take to close after its farewell, ms. */
const LINGER_MS = 1_000;

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class ClientConnection {
  readonly #socket: Socket;
  readonly #events: ClientEvents;
  readonly #bounds: ClientBounds;
  #isServing = false;
  /** Answered; its last bytes may still be on their way out. */
  #last: ServerResponse | undefined;
  #awaitsLast = false;
  #current: ServedRequest | undefined;
  #currentRequest: IncomingMessage | undefined;
  #waiting: Waiting[] | undefined;
  /** Status that ends the connection once all that came before is answered. */
  #farewell: number | undefined;
  /** No further request is served on it. */
  #isClosing = false;

  constructor(socket: Socket, events: ClientEvents, bounds: ClientBounds) {
    this.#socket = socket;
    this.#events = events;
    this.#bounds = bounds;
    socket.on('close', () => this.#onClose());
  }

  get isIdle(): boolean {
    return !this.#isServing;
  }

  /** A request was read. */
  accept(request: IncomingMessage, response: ServerResponse): void {
    if (this.#isClosing) return;
    if (!this.#isServing && (this.#last === undefined || this.#last.writableFinished)) {
      this.#begin(request, response);
      return;
    }
    this.#waiting ??= [];
    if (this.#waiting.length >= this.#bounds.pipelinedMax) this.#socket.destroy();
    else this.#waiting.push({ request, response });
    if (!this.#isServing) this.#next();
  }

  /** Who is to hear of the client's end; a request that is answered at once needs none. */
  attach(served: ServedRequest): void {
    this.#current = served;
  }

  /** Nothing is served after the present request: its answer says so. */
  close(): void {
    this.#isClosing = true;
    this.#waiting = undefined;
    this.#farewell = undefined;
  }

  /** The present request is answered; the next may begin. */
  done(response: ServerResponse): void {
    this.#current = undefined;
    this.#currentRequest = undefined;
    this.#isServing = false;
    this.#last = response;
    if (!response.shouldKeepAlive) this.close();
    // The call is over, but its client doesn't read: nobody else watches that. Reading or finishing resets it.
    if (this.#socket.writableLength > 0) this.#socket.setTimeout(this.#bounds.idleMs);
    if (this.#waiting !== undefined || this.#farewell !== undefined) this.#next();
  }

  /** Serves who waits once the last answer is out: an answer must have the socket to itself to be broken off. */
  #next(): void {
    if (this.#isServing || this.#socket.destroyed) return;
    const last = this.#last;
    if (last !== undefined && !last.writableFinished) {
      if (!this.#awaitsLast) last.once('close', () => this.#onLastClosed());
      this.#awaitsLast = true;
      return;
    }
    const next = this.#waiting?.shift();
    if (next !== undefined) this.#begin(next.request, next.response);
    else if (this.#farewell !== undefined) this.#sayFarewell(this.#farewell);
  }

  #onLastClosed(): void {
    this.#awaitsLast = false;
    this.#next();
  }

  /**
   * What came next is no request. What came before it is still answered; then this status is said and the
   * connection ends. Bytes behind an answer that closes are nobody's.
   */
  fault(statusCode: number): void {
    if (this.#socket.destroyed || this.#isClosing) return;
    this.#isClosing = true;
    if (this.#currentRequest?.complete === false) {
      this.#faultWithin(statusCode);
      return;
    }
    // The broken one may itself have begun, and wait.
    if (this.#waiting?.at(-1)?.request.complete === false) this.#waiting.pop();
    this.#farewell = statusCode;
    if (!this.#isServing) this.#next();
  }

  /** The request being served is itself the broken one; who serves it counts it. */
  #faultWithin(statusCode: number): void {
    const isUnanswered = this.#current?.onClientFault() === true;
    this.#current = undefined;
    if (isUnanswered) this.#say(statusCode);
    else this.#socket.destroy();
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    this.#isServing = true;
    this.#currentRequest = request;
    this.#events.serve(this, request, response);
  }

  #sayFarewell(statusCode: number): void {
    this.#farewell = undefined;
    this.#events.onUnreadable(statusCode);
    this.#say(statusCode);
  }

  #say(statusCode: number): void {
    this.#socket.end(rawAnswer(statusCode), 'latin1');
    // What the client goes on sending is read and dropped for a moment: a reset could cost it the farewell.
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#socket.on('close', () => clearTimeout(timer));
  }

  #onClose(): void {
    this.#isClosing = true;
    this.#waiting = undefined;
    const current = this.#current;
    this.#current = undefined;
    current?.onClientGone();
  }
}

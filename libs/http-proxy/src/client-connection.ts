/**
 * A client's connection: its requests are served one after the other, in their order, however many were sent ahead
 * (pipelining). So an unsafe request never overtakes, and one client can't multiply itself.
 */
import type { Socket } from 'node:net';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** What the connection has to know of a request that is being served. */
export interface ServedRequest {
  /** The client is gone. */
  onClientGone(): void;
  /** The client broke the protocol in the middle of this request's body. True: nothing was answered yet. */
  onClientFault(): boolean;
}

export type Serve = (connection: ClientConnection, request: IncomingMessage, response: ServerResponse) => void;

/** How long a client may take to close after its farewell, ms. */
const LINGER_MS = 1_000;

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class ClientConnection {
  readonly #socket: Socket;
  readonly #serve: Serve;
  readonly #pipelinedMax: number;
  #isServing = false;
  /** Answered; its last bytes may still be on their way out. */
  #last: ServerResponse | undefined;
  #awaitsLast = false;
  #current: ServedRequest | undefined;
  #currentRequest: IncomingMessage | undefined;
  #waiting: Waiting[] | undefined;
  /** Bytes that end the connection once all that came before is answered. */
  #farewell: string | undefined;
  /** No further request is served on it. */
  #isClosing = false;

  constructor(socket: Socket, serve: Serve, pipelinedMax: number) {
    this.#socket = socket;
    this.#serve = serve;
    this.#pipelinedMax = pipelinedMax;
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
    if (this.#waiting.length >= this.#pipelinedMax) this.#socket.destroy();
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
  }

  /** The present request is answered; the next may begin. */
  done(response: ServerResponse): void {
    this.#current = undefined;
    this.#currentRequest = undefined;
    this.#isServing = false;
    this.#last = response;
    if (!response.shouldKeepAlive) this.close();
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
    else if (this.#farewell !== undefined) this.#say(this.#farewell);
  }

  #onLastClosed(): void {
    this.#awaitsLast = false;
    this.#next();
  }

  /**
   * What came next is no request. What came before it is still answered; then these bytes are said and the
   * connection ends.
   *
   * @returns false where the connection ended without them.
   */
  fault(farewell: string): boolean {
    if (this.#socket.destroyed || this.#farewell !== undefined) return false;
    this.#isClosing = true;
    if (this.#currentRequest?.complete === false) return this.#faultWithin(farewell);
    // The broken one may itself have begun, and wait.
    if (this.#waiting?.at(-1)?.request.complete === false) this.#waiting.pop();
    this.#farewell = farewell;
    if (!this.#isServing) this.#next();
    return true;
  }

  /** The request being served is itself the broken one. */
  #faultWithin(farewell: string): boolean {
    const isUnanswered = this.#current?.onClientFault() === true;
    this.#current = undefined;
    if (isUnanswered) this.#say(farewell);
    else this.#socket.destroy();
    return isUnanswered;
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    this.#isServing = true;
    this.#currentRequest = request;
    this.#serve(this, request, response);
  }

  #say(farewell: string): void {
    this.#farewell = farewell; // once
    this.#socket.end(farewell, 'latin1');
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

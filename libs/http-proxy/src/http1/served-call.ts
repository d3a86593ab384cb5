/** Who stands around a client's connection: the call that it has, and the listener that it came in on. */
import type { ClientConnection } from './client-connection.ts';
import type { RequestHead } from './request-head.ts';

/** The call that is being served, as its client's connection sees it. */
export interface ServedCall {
  onRequestBody(chunk: Buffer): void;
  onRequestEnd(trailers: readonly string[]): void;
  /** What one read gave was handed over. */
  onRead(): void;
  /** The client takes bytes again. */
  onDrain(): void;
  /** The client is gone. */
  onClientGone(): void;
  /** The client broke the protocol in the middle of this request's body. True: nothing was answered yet. */
  onClientFault(statusCode: number): boolean;
  onDue(): void;
}

export interface ClientEvents {
  /** A request came. It is answered by `refuse`, or taken by `attach` and ended by `answered`. */
  serve(connection: ClientConnection, head: RequestHead): void;
  /** What came was no request, and this status was said to it. */
  onUnreadable(statusCode: number): void;
  /** The listener closes: answers say that their connection ends. */
  readonly isClosing: boolean;
  /** Its first bytes are HTTP/2's (RFC 9113 3.4): socket and bytes are another's from here on. */
  onHttp2(connection: ClientConnection, first: Buffer): void;
  onClosed(connection: ClientConnection): void;
}

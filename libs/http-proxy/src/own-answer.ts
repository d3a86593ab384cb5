/**
 * The answers that the proxy gives itself. They are made ahead, and what a client still sends of its request is read
 * and thrown away within bounds, so that the connection either stays in step or is closed.
 */
import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import { UPSTREAM_ERRORS, type Overflow, type UpstreamError } from './route.ts';
import { statusOf } from './failure.ts';

export interface OwnAnswer {
  readonly statusCode: number;
  /** Name, value, name, value … with Content-Length. */
  readonly headers: string[];
  /** The body's bytes, one character each (latin1), so that head and body are one write. */
  readonly body: string;
}

/** A request and the response that it gets. */
interface Pair {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** How to close with a client that is still sending. */
export interface Parting {
  /** The connection ends with this answer. */
  readonly closes: boolean;
  /** The request announces more body than was received, and it is no `Expect` that we left unanswered. */
  readonly owesBody: boolean;
  /** Body that is read and thrown away, bytes. */
  readonly drainBytesMax: number;
}

const TEXT = ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store'];

/** How long a client may take to stop sending after it was refused, ms. */
const LINGER_MS = 1_000;

export function textAnswer(statusCode: number, text: string, marks: readonly string[] = []): OwnAnswer {
  const body = Buffer.from(text, 'utf8');
  // RFC 9110 6.4.1: these have no body and, 204, no length.
  if (statusCode === 204 || statusCode === 304) return { statusCode, headers: [...marks, ...TEXT], body: '' };
  return { statusCode, headers: [...marks, ...TEXT, 'content-length', String(body.length)], body: body.toString('latin1') };
}

const ERROR_TEXTS: Readonly<Record<UpstreamError, string>> = {
  refused: 'the upstream refused the connection',
  reset: 'the upstream closed the connection before it answered',
  dns: "the upstream's name could not be resolved",
  'connect-timeout': 'the upstream did not take the connection in time',
  'response-timeout': 'the upstream did not answer in time',
  'idle-timeout': 'the upstream stopped taking the request',
  tls: 'no secure connection to the upstream',
  'bad-response': 'the upstream did not answer with valid HTTP',
};

const ERROR_ANSWERS = Object.fromEntries(
  UPSTREAM_ERRORS.map((error) => [error, textAnswer(statusOf(error), `${ERROR_TEXTS[error]}\n`, ['x-fuseboard-error', error])]),
) as Readonly<Record<UpstreamError, OwnAnswer>>;

export function errorAnswer(error: UpstreamError): OwnAnswer {
  return ERROR_ANSWERS[error];
}

const OVERFLOW_MARKS = ['x-envoy-overloaded', 'true'];
const OVERFLOW_ANSWERS: Readonly<Record<Overflow, OwnAnswer>> = {
  'overflow-connections': textAnswer(503, 'too many connections to the upstream\n', OVERFLOW_MARKS),
  'overflow-pending': textAnswer(503, 'too many requests wait for a connection to the upstream\n', OVERFLOW_MARKS),
  'overflow-requests': textAnswer(503, 'too many requests in flight to the upstream\n', OVERFLOW_MARKS),
  'overflow-retries': textAnswer(503, 'too many retries in flight to the upstream\n', OVERFLOW_MARKS),
};

export function overflowAnswer(overflow: Overflow): OwnAnswer {
  return OVERFLOW_ANSWERS[overflow];
}

/** The client took too long over its own request. */
export const CLIENT_TIMEOUT_ANSWER = textAnswer(408, 'the request did not arrive in time\n');

export function sendOwn({ request, response }: Pair, answer: OwnAnswer, parting: Parting): void {
  if (parting.closes) response.shouldKeepAlive = false;
  if (!parting.owesBody || isSmallRest(request, parting.drainBytesMax)) {
    response.writeHead(answer.statusCode, answer.headers);
    response.end(answer.body, 'latin1');
    // What is left of the request is read and dropped.
    if (parting.owesBody) request.resume();
    return;
  }
  response.shouldKeepAlive = false;
  response.writeHead(answer.statusCode, answer.headers);
  if (answer.body === '' || request.method === 'HEAD') response.flushHeaders();
  else response.write(answer.body, 'latin1');
  drainThenEnd({ request, response }, parting.drainBytesMax);
}

function isSmallRest(request: IncomingMessage, bytesMax: number): boolean {
  const length = request.headers['content-length'];
  return length !== undefined && Number(length) <= bytesMax;
}

/**
 * Ends an answer whose client still sends. Closing with unread bytes would reset the connection, and the client could
 * lose the answer over it: so it is given some bytes and a moment first.
 */
export function drainThenEnd({ request, response }: Pair, bytesMax: number): void {
  let bytes = 0;
  const end = (): void => {
    clearTimeout(timer);
    response.end();
  };
  const timer = setTimeout(end, LINGER_MS);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) end();
  });
  request.on('end', end).on('close', end);
  request.resume();
}

/** Bytes for a client whose request could not even be read; the connection is closed behind them. */
export function rawAnswer(statusCode: number): string {
  const reason = STATUS_CODES[statusCode] ?? 'Error';
  const text = `${reason}\n`;
  return (
    `HTTP/1.1 ${statusCode} ${reason}\r\ncontent-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\n` +
    `content-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`
  );
}

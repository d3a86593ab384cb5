/** The answers that the proxy gives itself, made ahead; how they are written is the protocol's affair. */
import { UPSTREAM_ERRORS, type HttpRateLimit, type Overflow, type UpstreamError } from './route.ts';
import { statusOf } from './failure.ts';

export interface OwnAnswer {
  readonly statusCode: number;
  /** Name, value, name, value … with Content-Length. */
  readonly headers: string[];
  /** The body's bytes, one character each (latin1), so that head and body are one write. */
  readonly body: string;
}

const TEXT = ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store'];

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

const limited = new WeakMap<HttpRateLimit, OwnAnswer>();

/** The policy's own answer beyond a rate. */
export function rateLimitAnswer(limit: HttpRateLimit): OwnAnswer {
  const known = limited.get(limit);
  if (known !== undefined) return known;
  const { statusCode, headers } = limit;
  const names = headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  const made = textAnswer(statusCode, 'too many requests\n', headers);
  // The policy's own content type or caching takes the place of ours.
  const isOurs = (i: number): boolean => i >= headers.length && names.includes(made.headers[i - (i % 2)] as string);
  const answer = { ...made, headers: made.headers.filter((_, i) => !isOurs(i)) };
  limited.set(limit, answer);
  return answer;
}

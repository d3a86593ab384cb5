/**
 * What a call's end says of the upstream, where the program doesn't say so itself: of `fetch`, undici, axios, Node's own
 * sockets, grpc-js, and exceptions that carry an HTTP status. Whatever else is thrown counts as an answer that is no good.
 */
import type { Failure } from '#engine';
import type { CallResult } from './call-result.ts';

/** `none`: the call says nothing of the upstream (O3), so nothing is reported. */
export type Classified = CallResult | 'none';

/** How a guarded call ended. */
export type Ended = { readonly value: unknown } | { readonly error: unknown };

/** Undefined: as it would be without. Must not throw. */
export type Classify = (ended: Ended) => Classified | undefined;

const CAUSES_MAX = 5;

const FAILURES: Readonly<Record<string, Failure | 'none'>> = {
  ECONNREFUSED: 'refused', EHOSTUNREACH: 'refused', ENETUNREACH: 'refused', EACCES: 'refused',
  ECONNRESET: 'reset', EPIPE: 'reset', UND_ERR_SOCKET: 'reset',
  ETIMEDOUT: 'timeout', ESOCKETTIMEDOUT: 'timeout', ECONNABORTED: 'timeout', TimeoutError: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout', UND_ERR_HEADERS_TIMEOUT: 'timeout', UND_ERR_BODY_TIMEOUT: 'timeout',
  ENOTFOUND: 'dns', ENODATA: 'dns',
  EPROTO: 'tls',
  // Of this process or machine, or its own wish.
  EMFILE: 'none', ENFILE: 'none', ENOBUFS: 'none', ENOMEM: 'none', EADDRNOTAVAIL: 'none',
  AbortError: 'none', UND_ERR_ABORTED: 'none', ERR_CANCELED: 'none',
  UpstreamOpen: 'none', UpstreamOpenException: 'none',
};

export function classify(ended: Ended): Classified {
  return 'error' in ended ? ofError(ended.error) : (ofAnswer(ended.value) ?? { ok: true });
}

type Fields = Readonly<Record<string, unknown>>;

function ofError(error: unknown): Classified {
  let [at, depth]: [unknown, number] = [error, 0];
  for (; isObject(at) && depth < CAUSES_MAX; depth++) {
    const known = ofKnownError(at);
    if (known !== undefined) return known;
    at = at['cause'] ?? (at['errors'] as unknown[] | undefined)?.[0];
  }
  return { failure: 'bad-response' };
}

function ofKnownError(error: Fields): Classified | undefined {
  const { code, details, name, response } = error;
  const failure = failureOf(name) ?? failureOf(code);
  if (failure !== undefined) return failure === 'none' ? failure : { failure };
  // grpc-js.
  if (typeof details === 'string' && isWhole(code, 0, 16)) return { grpcStatus: code };
  const answered = isObject(response) ? ofAnswer(response) : undefined;
  if (answered !== undefined) return answered;
  const status = [error['status'], error['statusCode']].find((each) => isWhole(each, 100, 599));
  return status === undefined ? undefined : { status };
}

function failureOf(word: unknown): Failure | 'none' | undefined {
  if (typeof word !== 'string') return undefined;
  if (Object.hasOwn(FAILURES, word)) return FAILURES[word];
  if (word.startsWith('EAI_')) return 'dns';
  if (word.startsWith('HPE_')) return 'bad-response';
  return /^(ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/.test(word) ? 'tls' : undefined;
}

/** Undefined: it is no HTTP answer. */
function ofAnswer(value: unknown): Classified | undefined {
  if (!isObject(value)) return undefined;
  const { status, statusCode, headers } = value;
  const code = isWhole(status, 100, 599) ? status : statusCode;
  if (!isWhole(code, 100, 599) || !isObject(headers)) return undefined;
  // A refusal from further on (O3).
  return header(headers, 'x-fuseboard-state') === 'open' || header(headers, 'x-envoy-overloaded') === 'true' ? 'none' : { status: code };
}

function header(headers: Fields, name: string): unknown {
  const { get } = headers;
  return typeof get === 'function' ? (get.call(headers, name) as unknown) : headers[name];
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}

function isWhole(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

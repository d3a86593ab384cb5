import { describe, expect, test } from 'vitest';
import { classify } from './classify.ts';

const coded = (code: string): Error => Object.assign(new Error(code), { code });

describe('an answer', () => {
  test.each([
    ['fetch’s', new Response('', { status: 503 }), { status: 503 }],
    ['undici’s', { statusCode: 404, headers: {} }, { status: 404 }],
    ['axios’s', { status: 200, headers: { 'content-type': 'text/plain' }, data: {} }, { status: 200 }],
    ['one that a breaker further on gave', new Response('', { status: 409, headers: { 'x-fuseboard-state': 'open' } }), 'none'],
    ['one that a limit further on gave', { statusCode: 503, headers: { 'x-envoy-overloaded': 'true' } }, 'none'],
    ['a value of the program’s own, which merely has a status', { status: 503, name: 'order' }, { ok: true }],
    ['nothing', undefined, { ok: true }],
  ])('%s', (_what, value, classified) => expect(classify({ value })).toEqual(classified));
});

describe('an error', () => {
  test.each([
    ['a refused connection', coded('ECONNREFUSED'), { failure: 'refused' }],
    ['fetch’s, which says why in its cause', new TypeError('fetch failed', { cause: coded('ECONNRESET') }), { failure: 'reset' }],
    ['one of several addresses', new TypeError('fetch failed', { cause: new AggregateError([coded('ETIMEDOUT')]) }), { failure: 'timeout' }],
    ['its own time-out', new DOMException('late', 'TimeoutError'), { failure: 'timeout' }],
    ['a name that is not known', coded('EAI_AGAIN'), { failure: 'dns' }],
    ['a certificate', coded('DEPTH_ZERO_SELF_SIGNED_CERT'), { failure: 'tls' }],
    ['no HTTP', coded('HPE_INVALID_CONSTANT'), { failure: 'bad-response' }],
    ['grpc-js’s', Object.assign(new Error('14 UNAVAILABLE'), { code: 14, details: 'UNAVAILABLE' }), { grpcStatus: 14 }],
    ['axios’s', Object.assign(new Error('503'), { response: { status: 503, headers: {} } }), { status: 503 }],
    ['an exception with a status', Object.assign(new Error('not found'), { status: 404 }), { status: 404 }],
    ['no sockets left here', coded('EMFILE'), 'none'],
    ['an abort by the program itself', new DOMException('gone', 'AbortError'), 'none'],
    ['a refusal by a breaker further on', Object.assign(new Error('open'), { name: 'UpstreamOpen' }), 'none'],
    ['anything else', new RangeError('no such thing'), { failure: 'bad-response' }],
    ['what is no error', 'a string', { failure: 'bad-response' }],
    ['one that is its own cause', circular(), { failure: 'bad-response' }],
  ])('%s', (_what, error, classified) => expect(classify({ error })).toEqual(classified));
});

function circular(): Error {
  const error: Error & { cause?: unknown } = new Error('round');
  error.cause = error;
  return error;
}

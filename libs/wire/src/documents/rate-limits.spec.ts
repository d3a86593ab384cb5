/** Rate limits of a policy: what each field means, and what a person hears about a bad one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { problems, readSetting, setting, warnings } from '../../../../test/support/document-readings.ts';
import { readDocument } from './document.ts';

const local = (limits: object) => setting({ rateLimit: { local: limits } });
const http = (limit: object) => local({ http: { requests: 1, unit: 'hour', ...limit } });
const routes = (...httpRoutes: object[]) => setting({ httpRoutes });

test('a policy without rate limits has none', () => {
  for (const spec of [{}, { rateLimit: null, httpRoutes: null }, { rateLimit: { local: null } }, { rateLimit: { local: {} }, httpRoutes: [] }]) {
    expect(readSetting(setting(spec))).not.toHaveProperty('rateLimits');
  }
});

test('connections, requests and the requests of a path are limited each by itself', () => {
  const document = readSetting(
    setting({
      rateLimit: {
        local: {
          tcp: { connections: 10, unit: 'minute', burst: 5 },
          http: { requests: 100, unit: 'second', burst: 20, responseStatusCode: 503, responseHeadersToAdd: [{ name: 'x-limit', value: 'a' }, { name: 'X-Limit', value: 'b' }] },
        },
      },
      httpRoutes: [
        { path: '/api/.*', rateLimit: { local: { requests: 3, unit: 'hour' } } },
        { path: '.*', rateLimit: { local: { requests: 7, unit: 'minute', responseStatusCode: 599 } } },
      ],
    }),
  );
  expect(document.rateLimits).toStrictEqual({
    tcp: { amount: 10, periodMs: 60_000, burst: 5 },
    http: { amount: 100, periodMs: 1_000, burst: 20, statusCode: 503, headers: ['x-limit', 'a', 'X-Limit', 'b'] },
    paths: [
      { path: '/api/.*', http: { amount: 3, periodMs: 3_600_000, burst: 0, statusCode: 429, headers: [] } },
      { path: '.*', http: { amount: 7, periodMs: 60_000, burst: 0, statusCode: 599, headers: [] } },
    ],
  });
});

test("a route's limit under local.http means the same as directly under local", () => {
  const limit = { requests: 3, unit: 'hour', burst: 1 };
  const [direct, nested] = [limit, { http: limit }].map((inner) => readSetting(routes({ path: '/a', rateLimit: { local: inner } })).rateLimits);
  expect(direct?.paths).toHaveLength(1);
  expect(nested).toStrictEqual(direct);
});

test('limits that let nothing through and routes that limit nothing are pointed out, and no others', () => {
  expect(warnings(local({ tcp: { connections: 0, unit: 'hour' }, http: { requests: 0, unit: 'hour', burst: 3 } }))).toEqual([
    'spec.rateLimit.local.tcp.connections: 0 lets nothing through',
    'spec.rateLimit.local.http.requests: 0 never fills: only the first 3 requests pass',
  ]);
  expect(warnings(routes({ path: '/a' }, { path: '/b', rateLimit: {} }, { path: '/c', rateLimit: { local: { requests: 1, unit: 'hour' } } }))).toEqual([
    'spec.httpRoutes[0]: has no rateLimit.local, so it does nothing',
    'spec.httpRoutes[1]: has no rateLimit.local, so it does nothing',
  ]);
  expect(warnings(setting({ rateLimit: { local: { http: { requests: 1, unit: 'hour' } } }, connectionSettings: { http: { maxRetries: 1 } } }))).toEqual([]);
});

const HEADER = 'spec.rateLimit.local.http.responseHeadersToAdd';
const BAD_HEADERS = [{ name: 'a b', value: 'x' }, { name: 'ok', value: 'x\r\ny' }, { nam: 'x' }, { name: 'n'.repeat(257), value: 'v'.repeat(4_097) }];
const PATH = 'an RE2 expression for the whole path, such as /api/v1/.*, at most 1024 characters';

test.each<[unknown, readonly string[]]>([
  [local({ http: { unit: 'minutes', responseStatusCode: 200 } }), [
    'spec.rateLimit.local.http.requests: missing, required: a whole number from 0 to 4294967295',
    'spec.rateLimit.local.http.unit: found "minutes"; allowed: second, minute, hour, did you mean "minute"?',
    'spec.rateLimit.local.http.responseStatusCode: found 200; allowed: a whole number from 400 to 599',
  ]],
  [local({ tcp: { connections: 1, unit: 'hour', burst: -1 }, udp: {} }), [
    'spec.rateLimit.local.udp: unknown field; allowed here: tcp, http',
    'spec.rateLimit.local.tcp.burst: found -1; allowed: a whole number from 0 to 4294967295',
  ]],
  [local({ tcp: { requests: 1, unit: 'hour' } }), [
    'spec.rateLimit.local.tcp.requests: unknown field; allowed here: connections, unit, burst',
    'spec.rateLimit.local.tcp.connections: missing, required: a whole number from 0 to 4294967295',
  ]],
  [setting({ rateLimit: { global: {} } }), ['spec.rateLimit.global: unknown field, did you mean "local"?; allowed here: local']],
  [http({ responseHeadersToAdd: BAD_HEADERS }), [
    `${HEADER}[0].name: found "a b"; allowed: an HTTP header name, at most 256 characters`,
    `${HEADER}[1].value: found "x\\r\\ny"; allowed: a string without line breaks, at most 4096 characters`,
    `${HEADER}[2].nam: unknown field, did you mean "name"?; allowed here: name, value`,
    `${HEADER}[2].name: missing, required: an HTTP header name, at most 256 characters`,
    `${HEADER}[2].value: missing, required: a string without line breaks, at most 4096 characters`,
    `${HEADER}[3].name: found "${'n'.repeat(48)}…"; allowed: an HTTP header name, at most 256 characters`,
    `${HEADER}[3].value: found "${'v'.repeat(48)}…"; allowed: a string without line breaks, at most 4096 characters`,
  ]],
  [routes({ path: '' }, { path: '/(?=a)' }, { path: '/a', rateLimit: { local: { requests: 1, unit: 'day' } } }), [
    `spec.httpRoutes[0].path: found ""; allowed: ${PATH}`,
    `spec.httpRoutes[1].path: found "/(?=a)"; allowed: ${PATH}`,
    'spec.httpRoutes[2].rateLimit.local.unit: found "day"; allowed: second, minute, hour',
  ]],
  [routes({ path: '/a', rateLimit: { local: { requests: 1, http: { requests: 1, unit: 'hour' } } } }), [
    'spec.httpRoutes[0].rateLimit.local.requests: unknown field; allowed here: http',
  ]],
  [setting({ httpRoutes: {} }), ['spec.httpRoutes: found an object; allowed: a list of {path, rateLimit}']],
])('%j is refused with every problem, each with its path and what is allowed', (body, expected) => {
  expect(problems(body)).toEqual(expected);
});

test('more headers or routes than a proxy should look at are refused', () => {
  const responseHeadersToAdd = Array.from({ length: 33 }, () => ({ name: 'a', value: 'b' }));
  expect(problems(http({ responseHeadersToAdd }))).toEqual([`${HEADER}: found 33 headers; allowed: at most 32`]);
  expect(problems(routes(...Array.from({ length: 101 }, () => ({ path: '/a' }))))).toEqual(['spec.httpRoutes: found 101 routes; allowed: at most 100']);
});

test.each(['Content-Length', 'transfer-encoding', 'CONNECTION', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Trailer', 'Upgrade'])(
  'the header %s, which would frame the answer, is refused',
  (name) => {
    expect(problems(http({ responseHeadersToAdd: [{ name, value: '5' }] }))).toEqual([
      `${HEADER}[0].name: found "${name}"; allowed: any header but those that frame an answer, which are the proxy's own (connection, content-length, keep-alive, proxy-connection, te, trailer, transfer-encoding, upgrade)`,
    ]);
  },
);

test('whatever the value, reading never throws', () => {
  const reads = (body: (value: unknown) => unknown) => fc.assert(fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => void readDocument(body(value))));
  expect(() => {
    reads((value) => local({ tcp: value, http: value }));
    reads((value) => http({ burst: value, responseHeadersToAdd: [value, { name: value, value }] }));
    reads((value) => routes({ path: value, rateLimit: { local: value } }));
  }).not.toThrow();
});

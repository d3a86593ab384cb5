/** What the data plane is told of the documents in force. */
import { expect, test } from 'vitest';
import type { Route } from '#http-proxy';
import { decodePack, encodePack, type PackedDocuments } from '#wire';
import { read, setting, upstream } from '../../../test/support/document-readings.ts';
import { routesOf } from './routes.ts';

/** All that a route can say. */
const FIELDS = Object.keys({
  name: true,
  upstream: true,
  host: true,
  alias: true,
  port: true,
  targets: true,
  listen: true,
  protocol: true,
  limits: true,
  rateLimits: true,
  retries: true,
  timeouts: true,
  tls: true,
} satisfies Record<keyof Route, true>) as (keyof Route)[];

/** What each route says. */
const saidOf = (set: Parameters<typeof routesOf>[0]) => routesOf(set).map((route) => Object.fromEntries(FIELDS.flatMap((field) => (route[field] === undefined ? [] : [[field, route[field]]]))) as unknown as Route);

const routeOf = (...bodies: readonly unknown[]) => saidOf({ documents: bodies.map(read) })[0];

test('an Upstream without a policy is a route without limits, under the breaker of its host', () => {
  expect(routeOf(upstream({}))).toStrictEqual({
    name: 'default/u',
    upstream: 'api.shop',
    host: 'api.shop',
    port: 80,
    targets: ['api.shop:80'],
    protocol: 'http',
    limits: {
      maxConnections: Infinity,
      connectTimeoutMs: 5_000,
      maxRequests: Infinity,
      maxRequestsPerConnection: Infinity,
      maxPendingRequests: Infinity,
      maxRetries: Infinity,
    },
  });
});

test.each(['http', 'h2c', 'grpc', 'tcp'])('an Upstream of protocol %s is a route of this protocol', (protocol) => {
  expect(routeOf(upstream({ protocol, listen: '127.0.0.1:1' }))).toMatchObject({ protocol, listen: '127.0.0.1:1' });
});

test('a route carries all that its Upstream and its policy say', () => {
  const spec = { retries: { attempts: 2, on: ['refused', 503] }, timeouts: { response: '2s', idle: '5s' }, tls: { ca: '/etc/ca.pem' } };
  const policy = setting({
    connectionSettings: { http: { maxRetries: 3 } },
    rateLimit: { local: { http: { requests: 2, unit: 'minute', responseHeadersToAdd: [{ name: 'a', value: 'b' }] } } },
    httpRoutes: [{ path: '/a.*', rateLimit: { local: { requests: 3, unit: 'hour' } } }],
  });
  expect(routeOf(upstream({ ...spec, targets: ['127.0.0.1:1'] }), policy)).toMatchObject({
    targets: ['127.0.0.1:1'],
    limits: { maxRetries: 3 },
    rateLimits: {
      http: { amount: 2, periodMs: 60_000, burst: 0, statusCode: 429, headers: ['a', 'b'] },
      paths: [{ path: '/a.*', http: { amount: 3, periodMs: 3_600_000, burst: 0, statusCode: 429, headers: [] } }],
    },
    retries: { attempts: 2, on: ['refused', 503] },
    timeouts: { responseHeadMs: 2_000, idleMs: 5_000 },
    tls: { ca: '/etc/ca.pem' },
  });
});

test('L3: a policy of the port stands in place of the one of the host, limits and breaker', () => {
  const ofHost = setting({ connectionSettings: { tcp: { maxConnections: 1 } } });
  const ofPort = setting({ host: 'api.shop:81', rateLimit: { local: { http: { requests: 1, unit: 'hour' } } } }, { name: 'of-port' });
  expect(routeOf(upstream({ port: 81 }), ofHost, ofPort)).toMatchObject({ upstream: 'api.shop:81', limits: { maxConnections: Infinity }, rateLimits: { paths: [] } });
  const other = routeOf(upstream({ port: 82 }), ofHost, ofPort);
  expect(other).toMatchObject({ upstream: 'api.shop', limits: { maxConnections: 1 } });
  expect(other).not.toHaveProperty('rateLimits');
});

test('a policy is found wherever it lies in its set, also among such as are alike; of HOST:PORT before that of HOST (L3)', () => {
  const policies = ['a.shop', 'b.shop', 'b.shop:81', 'c', 'd.shop', 'e.shop:80'].map((host, n) => setting({ host, connectionSettings: { tcp: { maxConnections: 7 } } }, { name: `p${n}`, namespace: 'shop' }));
  const upstreams = [{ host: 'a.shop' }, { host: 'b.shop' }, { host: 'b.shop', port: 81 }, { host: 'c.shop.svc.cluster.local' }, { host: 'e.shop' }, { host: 'f.shop' }].map(upstream);
  const settings = [...policies, setting({ host: 'f.shop' })].map(read);
  const packed = decodePack(Buffer.from(encodePack([...settings, ...upstreams.map(read)]))) as PackedDocuments;
  expect(packed.alike.map(({ size }) => size)).toEqual([6]);
  const routes = saidOf(packed);
  expect(routes).toEqual(saidOf({ documents: [...upstreams.map(read), ...settings] }));
  expect(routes.map(({ upstream: of, limits }) => [of, limits.maxConnections])).toEqual([['a.shop', 7], ['b.shop', 7], ['b.shop:81', 7], ['c.shop.svc.cluster.local', 7], ['e.shop:80', 7], ['f.shop', Infinity]]);
});

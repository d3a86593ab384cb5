/** What a policy says to no effect on an Upstream that it governs. */
import { expect, test } from 'vitest';
import { read, setting, upstream } from '../../../../test/support/document-readings.ts';
import { pairWarnings } from './pairing.ts';

const CONNECTIONS = { rateLimit: { local: { tcp: { connections: 1, unit: 'hour' } } } };
const HTTP = {
  connectionSettings: {
    tcp: { maxConnections: 1 },
    http: {
      maxRequests: 1,
      maxRequestsPerConnection: 1,
      maxPendingRequests: 1,
      maxRetries: 1,
      circuitBreaking: { errorAmountThreshold: 1, degradedStatusCode: 520, degradedResponseContent: 'x' },
    },
  },
  rateLimit: { local: { http: { requests: 1, unit: 'hour' } } },
  httpRoutes: [{ path: '/a', rateLimit: { local: { requests: 1, unit: 'hour' } } }],
};

function texts(...bodies: readonly unknown[]): readonly string[] {
  return pairWarnings(bodies.map(read)).map(({ document, note }) => `${document.name} ${note.path.join('.')}: ${note.message}`);
}

test('a limit on connections has no effect without a listener of its own, and has one with it', () => {
  expect(texts(setting(CONNECTIONS), upstream({}))).toEqual([
    'p spec.rateLimit.local.tcp: has no effect on Upstream default/u: it has no listener of its own (spec.listen)',
  ]);
  for (const protocol of ['http', 'h2c', 'grpc', 'tcp']) expect(texts(setting(CONNECTIONS), upstream({ protocol, listen: '127.0.0.1:1' }))).toEqual([]);
});

test('what needs requests or an answer has no effect on a tcp upstream', () => {
  const http = 'spec.connectionSettings.http';
  expect(texts(upstream({ protocol: 'tcp', listen: '127.0.0.1:1' }), setting(HTTP))).toEqual(
    [
      `${http}.maxRequests`,
      `${http}.maxRequestsPerConnection`,
      `${http}.maxPendingRequests`,
      `${http}.maxRetries`,
      `${http}.circuitBreaking.degradedStatusCode`,
      `${http}.circuitBreaking.degradedResponseContent`,
      'spec.rateLimit.local.http',
      'spec.httpRoutes',
    ].map((path) => `p ${path}: has no effect on Upstream default/u: its protocol is tcp`),
  );
});

test('maxRetries has no effect where no retries are asked for', () => {
  expect(texts(setting(HTTP), upstream({}))).toEqual(['p spec.connectionSettings.http.maxRetries: has no effect on Upstream default/u: it asks for no retries (spec.retries)']);
  expect(texts(setting(HTTP), upstream({ retries: { on: ['refused'] } }))).toEqual([]);
});

test('L3: a policy of another host, or of another port, is not about it', () => {
  expect(texts(setting(HTTP), upstream({ host: 'other.shop', protocol: 'tcp', listen: '127.0.0.1:1' }))).toEqual([]);
  const ofPort = setting({ host: 'api.shop:81' }, { name: 'of-port' });
  expect(texts(setting(CONNECTIONS), ofPort, upstream({ port: 81 }))).toEqual([]);
  expect(texts(setting(CONNECTIONS), ofPort, upstream({ port: 82 }))).toHaveLength(1);
});

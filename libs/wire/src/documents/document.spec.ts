/** What each field means, and what a person hears about a bad one. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { problems, read, readSetting, readUpstream, setting, upstream, warnings } from '../../../../test/support/document-readings.ts';
import type { TrafficSetting } from '#engine';
import { readDocument } from './document.ts';

const breaking = (circuitBreaking: object) => setting({ connectionSettings: { http: { circuitBreaking } } });

test('a policy without anything but a host has no breaker and no limits', () => {
  expect(readSetting(setting({}))).toStrictEqual({
    kind: 'UpstreamTrafficSetting',
    namespace: 'shop',
    name: 'p',
    version: expect.stringMatching(/^[0-9a-f]{12}$/) as string,
    body: setting({}),
    upstream: 'api.shop',
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

const DEFAULTS = {
  statTimeWindowMs: 30_000,
  minRequestAmount: 100,
  errorAmountThreshold: 0,
  errorRatioThreshold: 0,
  slowTimeThresholdMs: 5_000,
  slowAmountThreshold: 0,
  slowRatioThreshold: 0,
  degradedTimeWindowMs: 30_000,
  degraded: { statusCode: 409, content: 'Coming soon ...' },
};

test('a breaker without fields has every default', () => {
  const document = readSetting(breaking({}));
  expect(document.breaker).toStrictEqual({
    identity: { name: 'p', namespace: 'shop', version: document.version },
    upstream: 'api.shop',
    ...DEFAULTS,
  });
});

test('an explicit 0 in a window, in minRequestAmount or in slowTimeThreshold means the default', () => {
  for (const zero of [0, '0', '0s', '0ms']) {
    const document = readSetting(breaking({ statTimeWindow: zero, slowTimeThreshold: zero, degradedTimeWindow: zero, minRequestAmount: 0 }));
    expect(document.breaker).toMatchObject(DEFAULTS);
  }
});

test('a field without a value counts as absent', () => {
  expect(readSetting(breaking({ statTimeWindow: null, minRequestAmount: null, degradedStatusCode: null })).breaker).toMatchObject(DEFAULTS);
  expect(readSetting(setting({ connectionSettings: { http: { circuitBreaking: null } } })).breaker).toBeUndefined();
  expect(readSetting(setting({ connectionSettings: null, rateLimit: null, httpRoutes: null })).breaker).toBeUndefined();
});

test('every field of a breaker is read', () => {
  const written = {
    statTimeWindow: '1m',
    minRequestAmount: 200,
    errorAmountThreshold: 100,
    errorRatioThreshold: 0.1,
    slowTimeThreshold: '1.5ms',
    slowAmountThreshold: 7,
    slowRatioThreshold: 1,
    degradedTimeWindow: '1m30s',
    degradedStatusCode: 520,
    degradedResponseContent: '',
  };
  expect(readSetting(breaking(written)).breaker).toMatchObject({
    statTimeWindowMs: 60_000,
    minRequestAmount: 200,
    errorAmountThreshold: 100,
    errorRatioThreshold: 0.1,
    slowTimeThresholdMs: 1.5,
    slowAmountThreshold: 7,
    slowRatioThreshold: 1,
    degradedTimeWindowMs: 90_000,
    degraded: { statusCode: 520, content: '' },
  });
});

test('every limit is read, and 0 requests per connection means no limit', () => {
  const http = { maxRequests: 4294967295, maxRequestsPerConnection: 0, maxPendingRequests: 0, maxRetries: 3 };
  const document = readSetting(setting({ connectionSettings: { tcp: { maxConnections: 1, connectTimeout: '200ms' }, http } }));
  expect(document.limits).toStrictEqual({
    maxConnections: 1,
    connectTimeoutMs: 200,
    maxRequests: 4294967295,
    maxRequestsPerConnection: Infinity,
    maxPendingRequests: 0,
    maxRetries: 3,
  });
});

test.each([
  ['API.Shop', 'api.shop'],
  ['fortio', 'fortio.shop.svc.cluster.local'],
  ['fortio:8080', 'fortio.shop.svc.cluster.local:8080'],
  ['api.shop:8080', 'api.shop:8080'],
  ['[::1]:80', '[::1]:80'],
])('L3: the host %s is the upstream %s', (host, name) => {
  expect(readSetting(setting({ host })).upstream).toBe(name);
});

test('without a namespace it is default', () => {
  const document = readSetting(setting({ host: 'fortio' }, { name: 'p' }));
  expect([document.namespace, document.upstream]).toEqual(['default', 'fortio.default.svc.cluster.local']);
});

test('what a cluster adds is accepted and left aside, our own annotations are kept', () => {
  const metadata = {
    name: 'p',
    namespace: 'shop',
    uid: 'x',
    managedFields: [{ any: 'thing' }],
    annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}', 'fuseboard.dev/owner': 'team-a' },
  };
  const reading = readDocument({ ...setting({}, metadata), status: { currentStatus: 'committed' } });
  expect(reading).toMatchObject({
    document: {
      body: {
        apiVersion: 'policy.openservicemesh.io/v1alpha1',
        kind: 'UpstreamTrafficSetting',
        metadata: { name: 'p', namespace: 'shop', annotations: { 'fuseboard.dev/owner': 'team-a' } },
        spec: { host: 'api.shop' },
      },
    },
  });
  expect(JSON.stringify(reading)).not.toMatch(/managedFields|currentStatus|kubectl/);
});

test('the version is the first twelve digits of SHA-256 over the content, for ever: logs and stores hold it', () => {
  const spec = breaking({ statTimeWindow: '1m', degradedResponseContent: 'é"\\\n\u2028', degradedStatusCode: 520 });
  expect(read(spec).version).toBe('6a8eabfbde55');
});

test('the version is the content, whatever the order of fields, annotations and status', () => {
  const a = read(breaking({ statTimeWindow: '1m', minRequestAmount: 5 }));
  const b = read({ status: {}, ...breaking({ minRequestAmount: 5, statTimeWindow: '1m' }) });
  expect(a.version).toBe(b.version);
  expect(read(breaking({ statTimeWindow: '1m', minRequestAmount: 6 })).version).not.toBe(a.version);
  expect(read({ ...breaking({ statTimeWindow: '1m', minRequestAmount: 5 }), metadata: { name: 'q' } }).version).not.toBe(a.version);
});

describe('C4: the annotation fuseboard.dev/enforce', () => {
  const annotated = (enforce: unknown, body: { spec?: unknown } = breaking({ errorAmountThreshold: 1 })) =>
    ({ ...body, metadata: { name: 'p', namespace: 'shop', annotations: { 'fuseboard.dev/enforce': enforce } } });

  test('"false" is part of what a policy is; "true" is as if nothing was said', () => {
    const [plain, held, said] = [read({ ...annotated('true'), metadata: { name: 'p', namespace: 'shop' } }), read(annotated('false')), read(annotated('true'))] as TrafficSetting[];
    expect(held?.breaker?.identity).toEqual({ name: 'p', namespace: 'shop', version: held?.version, enforced: false });
    expect(held?.version).not.toBe(plain?.version);
    expect(said?.breaker).toEqual(plain?.breaker);
    expect(read(held?.body)).toEqual(held);
  });

  test.each([[false, 'found false'], ['no', 'found "no"'], ['', 'found ""'], [null, 'missing, required']])('%j is refused', (value, found) => {
    expect(problems(annotated(value))).toEqual([expect.stringMatching(new RegExp(`^metadata.annotations.fuseboard.dev/enforce: ${found}.* true, false`)) as string]);
  });

  test('misspelt it is refused, and not taken for no wish at all', () => {
    const body = { ...setting({}), metadata: { name: 'p', annotations: { 'fuseboard.dev/enforced': 'false' } } };
    expect(problems(body)).toEqual(['metadata.annotations.fuseboard.dev/enforced: unknown annotation, did you mean "fuseboard.dev/enforce"?']);
  });

  test('where there is no breaker it has no effect, and a warning says so', () => {
    expect(warnings(annotated('false', setting({})))).toEqual(['metadata.annotations.fuseboard.dev/enforce: no effect: a policy without circuitBreaking has no breaker']);
    expect(warnings(annotated('false', upstream({})))).toEqual(['metadata.annotations.fuseboard.dev/enforce: no effect: an Upstream has no breaker']);
  });
});

test('a document read from its own body is the same document', () => {
  for (const body of [breaking({ errorAmountThreshold: 1 }), upstream({ host: 'api', targets: ['A:1'], listen: '[::1]:0' })]) {
    const document = read(body);
    expect(read(JSON.parse(JSON.stringify(document.body)))).toStrictEqual(document);
  }
});

test('an Upstream has port 80, http and DNS unless it says otherwise', () => {
  expect(readUpstream(upstream({}))).toStrictEqual({
    kind: 'Upstream',
    namespace: 'default',
    name: 'u',
    version: expect.any(String) as string,
    body: { ...upstream({}), metadata: { name: 'u', namespace: 'default' } },
    host: 'api.shop',
    port: 80,
    protocol: 'http',
  });
  expect(readUpstream(upstream({ host: 'API.shop', port: 8080, protocol: 'tcp', targets: ['Echo:79', '[::1]:1'], listen: '127.0.0.1:18080' }))).toMatchObject({
    host: 'api.shop',
    port: 8080,
    protocol: 'tcp',
    targets: ['echo:79', '[::1]:1'],
    listen: '127.0.0.1:18080',
  });
});

test('a bare host of an Upstream gets the name that a policy with the same host gets, and stays as an alias', () => {
  expect(readUpstream(upstream({ host: 'Api' }))).toMatchObject({ host: 'api.default.svc.cluster.local', alias: 'api' });
  expect(readUpstream(upstream({}))).not.toHaveProperty('alias');
});

const CB = 'spec.connectionSettings.http.circuitBreaking';
const WINDOW = 'allowed: a duration such as 200ms, 30s or 1m30s, whole milliseconds from 1ms to 576h, or 0 for the default (30s)';
const HOST = 'a host name such as fortio.circuit-breaking.svc.cluster.local, a bare service name, or either with :PORT';
const TARGETS = 'one or more HOST:PORT such as "127.0.0.1:8079"; leave targets out to find the host by DNS';

test.each<[unknown, readonly string[]]>([
  [breaking({ statTimeWindw: '1m' }), [`${CB}.statTimeWindw: unknown field, did you mean "statTimeWindow"?; allowed here: statTimeWindow, minRequestAmount, errorAmountThreshold, errorRatioThreshold, slowTimeThreshold, slowAmountThreshold, slowRatioThreshold, degradedTimeWindow, degradedStatusCode, degradedResponseContent`]],
  [breaking({ statTimeWindow: '1 minute' }), [`${CB}.statTimeWindow: found "1 minute"; ${WINDOW}`]],
  [breaking({ statTimeWindow: 60 }), [`${CB}.statTimeWindow: found 60; ${WINDOW}`]],
  [breaking({ statTimeWindow: '-1s' }), [`${CB}.statTimeWindow: found "-1s"; ${WINDOW}`]],
  [breaking({ degradedTimeWindow: '1.5ms' }), [`${CB}.degradedTimeWindow: found "1.5ms"; ${WINDOW}`]],
  [breaking({ degradedTimeWindow: '577h' }), [`${CB}.degradedTimeWindow: found "577h"; ${WINDOW}`]],
  [breaking({ slowTimeThreshold: true }), [`${CB}.slowTimeThreshold: found true; allowed: a duration such as 200ms, 30s or 1m30s, from 1us to 576h, or 0 for the default (5s)`]],
  [breaking({ errorRatioThreshold: 10 }), [`${CB}.errorRatioThreshold: found 10; allowed: a number from 0 to 1 (0.1 is 10 %), 0 for off`]],
  [breaking({ slowRatioThreshold: '0.1' }), [`${CB}.slowRatioThreshold: found "0.1"; allowed: a number from 0 to 1 (0.1 is 10 %), 0 for off`]],
  [breaking({ errorAmountThreshold: -1 }), [`${CB}.errorAmountThreshold: found -1; allowed: a whole number from 0 to 4294967295`]],
  [breaking({ slowAmountThreshold: 1.5 }), [`${CB}.slowAmountThreshold: found 1.5; allowed: a whole number from 0 to 4294967295`]],
  [breaking({ minRequestAmount: 4294967296 }), [`${CB}.minRequestAmount: found 4294967296; allowed: a whole number from 0 to 4294967295`]],
  [breaking({ degradedStatusCode: 199 }), [`${CB}.degradedStatusCode: found 199; allowed: a whole number from 200 to 599`]],
  [breaking({ degradedStatusCode: 0 }), [`${CB}.degradedStatusCode: found 0; allowed: a whole number from 200 to 599`]],
  [breaking({ degradedResponseContent: 7 }), [`${CB}.degradedResponseContent: found 7; allowed: a string of at most 65536 characters, in quotes if it looks like a number`]],
  [setting({ connectionSettings: { http: { circuitBreaking: [] } } }), [`${CB}: found an array; allowed: an object with statTimeWindow, minRequestAmount, errorAmountThreshold, errorRatioThreshold, slowTimeThreshold, slowAmountThreshold, slowRatioThreshold, degradedTimeWindow, degradedStatusCode, degradedResponseContent`]],
  [setting({ connectionSettings: { tcp: { connectTimeout: 0, maxConnection: 1 } } }), [
    'spec.connectionSettings.tcp.maxConnection: unknown field, did you mean "maxConnections"?; allowed here: maxConnections, connectTimeout',
    'spec.connectionSettings.tcp.connectTimeout: found 0; allowed: a duration such as 200ms, 30s or 1m30s, whole milliseconds from 1ms to 576h',
  ]],
  [setting({ connectionSettings: { http: { maxRetries: '3' } } }), ['spec.connectionSettings.http.maxRetries: found "3"; allowed: a whole number from 0 to 4294967295']],
  [setting({ host: undefined }), [`spec.host: missing, required: ${HOST}`]],
  [setting({ host: 'http://api' }), [`spec.host: found "http://api"; allowed: ${HOST}`]],
  [setting({ host: 'api:0' }), [`spec.host: found "api:0"; allowed: ${HOST}`]],
  [setting({}, { name: 'Not_Fit', namespace: 'a.b' }), [
    'metadata.name: found "Not_Fit"; allowed: lower-case letters, digits, - and ., at most 253',
    'metadata.namespace: found "a.b"; allowed: lower-case letters, digits and -, at most 63',
  ]],
  [{ ...setting({}), metadata: undefined }, ['metadata: missing, required: an object with name and namespace']],
  [{ ...setting({}), metadata: {} }, ['metadata.name: missing, required: lower-case letters, digits, - and ., at most 253']],
  [{ ...setting({}), spec: undefined }, ['spec: missing, required: an object with host, connectionSettings, rateLimit, httpRoutes']],
  [{ ...setting({}), apiVersion: 'v1' }, ['apiVersion: found "v1"; allowed: policy.openservicemesh.io/v1alpha1']],
  [{ ...setting({}), kind: 'UpstreamTrafficSettings' }, ['kind: found "UpstreamTrafficSettings"; allowed: UpstreamTrafficSetting, Upstream, did you mean "UpstreamTrafficSetting"?']],
  [{ ...setting({}), kind: 'Deployment' }, ['kind: found "Deployment"; allowed: UpstreamTrafficSetting, Upstream']],
  [{ ...setting({}), sepc: {} }, ['sepc: unknown field, did you mean "spec"?; allowed here: apiVersion, kind, metadata, spec, status']],
  ['text', [': found "text"; allowed: an object with apiVersion, kind, metadata, spec']],
  [upstream({ host: 'api:80' }), ['spec.host: found "api:80"; allowed: a host name such as fortio.circuit-breaking.svc.cluster.local, without a port (that is spec.port)']],
  [upstream({ targets: [] }), [`spec.targets: found an empty list; allowed: ${TARGETS}`]],
  [upstream({ targets: null }), [`spec.targets: found an empty list; allowed: ${TARGETS}`]],
  [upstream({ targets: '127.0.0.1:1' }), [`spec.targets: found "127.0.0.1:1"; allowed: ${TARGETS}`]],
  [upstream({ targets: ['a:1', 'b', ':3', '::1:80', 'c:0'] }), [1, 2, 3, 4].map((i) => `spec.targets[${i}]: found ${JSON.stringify(['a:1', 'b', ':3', '::1:80', 'c:0'][i])}; allowed: HOST:PORT such as "127.0.0.1:8079" or "[::1]:8079"`)],
  [upstream({ port: 65536 }), ['spec.port: found 65536; allowed: a whole number from 1 to 65535']],
  [upstream({ port: '80' }), ['spec.port: found "80"; allowed: a whole number from 1 to 65535']],
  [upstream({ protocol: 'https' }), ['spec.protocol: found "https"; allowed: http, h2c, grpc, tcp, did you mean "http"?']],
  [upstream({ protocol: 'tcp' }), ['spec.listen: missing, required: HOST:PORT of a listener of its own, such as 127.0.0.1:18080 (a tcp upstream needs one)']],
  [upstream({ listen: ':18080' }), ['spec.listen: found ":18080"; allowed: HOST:PORT of a listener of its own, such as 127.0.0.1:18080']],
  [upstream({ target: ['a:1'] }), ['spec.target: unknown field, did you mean "targets"?; allowed here: host, targets, port, protocol, listen, retries, timeouts, tls']],
])('%j is refused with every problem, each with its path and what is allowed', (body, expected) => {
  expect(problems(body)).toEqual(expected);
});

test('a document too large for one control record is refused', () => {
  const annotations = { 'fuseboard.dev/owner': 'x'.repeat(600_000) };
  expect(problems(setting({}, { name: 'p', annotations }))).toEqual([': found 600197 bytes as JSON; allowed: at most 524288']);
});

test('prototype keys are unknown fields and reach nothing', () => {
  const body = JSON.parse(`{"apiVersion":"fuseboard.dev/v1","kind":"Upstream","metadata":{"name":"u"},"spec":{"__proto__":{"host":"a.b"},"constructor":1}}`) as unknown;
  expect(problems(body)).toEqual([
    'spec.__proto__: unknown field; allowed here: host, targets, port, protocol, listen, retries, timeouts, tls',
    'spec.constructor: unknown field; allowed here: host, targets, port, protocol, listen, retries, timeouts, tls',
    'spec.host: missing, required: a host name such as fortio.circuit-breaking.svc.cluster.local, without a port (that is spec.port)',
  ]);
  expect(({} as Record<string, unknown>)['host']).toBeUndefined();
});

test('a limit of 0 and a breaker that can never open are pointed out', () => {
  expect(warnings(setting({ connectionSettings: { tcp: { maxConnections: 0 }, http: { maxRequests: 0, circuitBreaking: {} } } }))).toEqual([
    'spec.connectionSettings.tcp.maxConnections: 0 lets no call through',
    'spec.connectionSettings.http.maxRequests: 0 lets no call through',
    `${CB}: no threshold is set, so this breaker never opens`,
  ]);
});

test('whatever the value, reading never throws', () => {
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => void readDocument(value)));
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => void readDocument(setting({ host: value, connectionSettings: value, rateLimit: value, httpRoutes: [value] }))));
  fc.assert(fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => void readDocument(breaking({ statTimeWindow: value, errorRatioThreshold: value, degradedStatusCode: value }))));
  let deep: unknown = 'x';
  for (let i = 0; i < 100_000; i++) deep = [deep];
  expect(problems(breaking({ statTimeWindow: deep }))).toHaveLength(1);
});

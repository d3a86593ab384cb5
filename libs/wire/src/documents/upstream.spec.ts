/** How an Upstream is talked to: protocol, retries, time-outs, TLS. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { problems, readUpstream, upstream, warnings } from '../../../../test/support/document-readings.ts';
import { readDocument } from './document.ts';

test.each(['http', 'h2c', 'grpc'] as const)('%s is a protocol, with or without a listener of its own', (protocol) => {
  expect(readUpstream(upstream({ protocol }))).toMatchObject({ protocol });
  expect(readUpstream(upstream({ protocol, listen: '127.0.0.1:1' }))).toMatchObject({ protocol, listen: '127.0.0.1:1' });
  expect(warnings(upstream({ protocol }))).toEqual([]);
});

test('tcp is one too, with a listener of its own', () => {
  expect(readUpstream(upstream({ protocol: 'tcp', listen: '127.0.0.1:1', timeouts: { idle: '1h' }, tls: {} }))).toMatchObject({
    protocol: 'tcp',
    timeouts: { idleMs: 3_600_000 },
    tls: {},
  });
  expect(warnings(upstream({ protocol: 'tcp', listen: '127.0.0.1:1' }))).toEqual([]);
});

test('an Upstream that says nothing of retries, time-outs and TLS has none of its own', () => {
  for (const spec of [{}, { retries: null, timeouts: null }]) {
    const document = readUpstream(upstream(spec));
    for (const field of ['retries', 'timeouts', 'tls']) expect(document).not.toHaveProperty(field);
  }
});

test('one retry unless attempts says more, after what is named', () => {
  expect(readUpstream(upstream({ retries: { on: ['refused'] } })).retries).toStrictEqual({ attempts: 1, on: ['refused'] });
  const on = ['refused', 'reset', 'dns', 'connect-timeout', 'idle-timeout', 'tls', 'bad-response', 500, 503, 599, 503];
  expect(readUpstream(upstream({ retries: { attempts: 10, on } })).retries).toStrictEqual({ attempts: 10, on: on.slice(0, -1) });
});

test('time-outs are read, each by itself', () => {
  expect(readUpstream(upstream({ timeouts: { response: '1ms', idle: '1h' } })).timeouts).toStrictEqual({ responseHeadMs: 1, idleMs: 3_600_000 });
  expect(readUpstream(upstream({ timeouts: { idle: '1m30s' } })).timeouts).toStrictEqual({ idleMs: 90_000 });
  expect(readUpstream(upstream({ timeouts: {} })).timeouts).toStrictEqual({});
});

test('TLS is on where its object is there, with what it says', () => {
  expect(readUpstream(upstream({ tls: {} })).tls).toStrictEqual({});
  expect(readUpstream(upstream({ tls: { ca: '/etc/ca.pem', cert: null } })).tls).toStrictEqual({ ca: '/etc/ca.pem' });
  const tls = { ca: '/a/ca.pem', cert: '/a/cert.pem', key: '/a/key.pem', serverName: 'API.Shop' };
  expect(readUpstream(upstream({ tls })).tls).toStrictEqual({ ...tls, serverName: 'api.shop' });
  for (const serverName of ['10.0.0.1', '::1']) expect(readUpstream(upstream({ tls: { serverName } })).tls).toStrictEqual({ serverName });
});

test('retries that wait long, or that never come, are pointed out', () => {
  const retries = { attempts: 3, on: ['response-timeout'] };
  expect(warnings(upstream({ retries }))).toEqual(['spec.retries.on: response-timeout: a caller can wait through 4 of these time-outs']);
  expect(warnings(upstream({ protocol: 'grpc', retries: { on: ['refused', 'reset', 503] } }))).toEqual([
    'spec.retries.on: reset, 503: never for gRPC calls, which are POST requests that the upstream may have served',
  ]);
  expect(warnings(upstream({ protocol: 'grpc', retries: { on: ['refused', 'dns', 'connect-timeout', 'tls'] } }))).toEqual([]);
});

const WORDS = 'refused, reset, dns, connect-timeout, response-timeout, idle-timeout, tls, bad-response';
const RETRIED = `a list of ${WORDS}, or of statuses from 500 to 599`;
const HOUR = 'a duration such as 200ms, 30s or 1m30s, whole milliseconds from 1ms to 1h';
const FILE = "the absolute path of a PEM file on the proxy's machine, such as /etc/fuseboard/ca.pem";
const NAME = 'a host name such as api.shop.example or an IP address, without a port';

test.each<[object, readonly string[]]>([
  [{ retries: {} }, [`spec.retries.on: missing, required: ${RETRIED}`]],
  [{ retries: { on: [] } }, [`spec.retries.on: found an empty list; allowed: ${RETRIED}`]],
  [{ retries: { on: 'refused' } }, [`spec.retries.on: found "refused"; allowed: ${RETRIED}`]],
  [{ retries: { attempts: 0, on: ['refuse', 404, '503', 503.5] } }, [
    'spec.retries.attempts: found 0; allowed: a whole number from 1 to 10',
    `spec.retries.on[0]: found "refuse"; allowed: ${WORDS}, or a status from 500 to 599, did you mean "refused"?`,
    `spec.retries.on[1]: found 404; allowed: ${WORDS}, or a status from 500 to 599`,
    `spec.retries.on[2]: found "503"; allowed: ${WORDS}, or a status from 500 to 599`,
    `spec.retries.on[3]: found 503.5; allowed: ${WORDS}, or a status from 500 to 599`,
  ]],
  [{ retries: { attempts: 11, on: [500], max: 1 } }, [
    'spec.retries.max: unknown field; allowed here: attempts, on',
    'spec.retries.attempts: found 11; allowed: a whole number from 1 to 10',
  ]],
  [{ retries: [] }, ['spec.retries: found an array; allowed: an object with attempts, on']],
  [{ protocol: 'tcp', listen: '127.0.0.1:1', retries: { on: ['refused'] }, timeouts: { response: '1s' } }, [
    'spec.retries: a tcp upstream has none: the bytes of a connection can not be sent again',
    'spec.timeouts.response: a tcp upstream has none: no byte tells where a response begins',
  ]],
  [{ timeouts: { response: 0, idle: '61m', connect: '1s' } }, [
    'spec.timeouts.connect: unknown field; allowed here: response, idle',
    `spec.timeouts.response: found 0; allowed: ${HOUR}`,
    `spec.timeouts.idle: found "61m"; allowed: ${HOUR}`,
  ]],
  [{ tls: null }, ['spec.tls: found no value; allowed: {} for TLS with the defaults, or an object with ca, cert, key, serverName']],
  [{ tls: true }, ['spec.tls: found true; allowed: an object with ca, cert, key, serverName']],
  [{ tls: { cert: '/c.pem' } }, ['spec.tls.key: missing, required: cert and key, or neither']],
  [{ tls: { key: '/k.pem', ca: 'ca.pem', insecure: true } }, [
    'spec.tls.insecure: unknown field; allowed here: ca, cert, key, serverName',
    'spec.tls.cert: missing, required: cert and key, or neither',
    `spec.tls.ca: found "ca.pem"; allowed: ${FILE}`,
  ]],
  [{ tls: { ca: '-----BEGIN CERTIFICATE-----\nMIIB' } }, [`spec.tls.ca: found "-----BEGIN CERTIFICATE-----\\nMIIB"; allowed: ${FILE}`]],
  [{ tls: { serverName: 'api.shop:443' } }, [`spec.tls.serverName: found "api.shop:443"; allowed: ${NAME}`]],
  [{ tls: { serverName: '' } }, [`spec.tls.serverName: found ""; allowed: ${NAME}`]],
])('%j is refused with every problem, each with its path and what is allowed', (spec, expected) => {
  expect(problems(upstream(spec))).toEqual(expected);
});

test('whatever the value, reading never throws', () => {
  const reads = (spec: (value: unknown) => object) => fc.assert(fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => void readDocument(upstream(spec(value)))));
  expect(() => {
    reads((value) => ({ protocol: value, retries: value, timeouts: value, tls: value }));
    reads((value) => ({ retries: { attempts: value, on: [value] }, timeouts: { response: value, idle: value }, tls: { ca: value, cert: value, serverName: value } }));
  }).not.toThrow();
});

import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ControlChange, ControlDraft, Document } from '#engine';
import { plainChange } from '../../../test/support/plain-document.ts';
import { decodeControl, encodeControl } from './control.ts';
import { readDocument } from './documents/document.ts';
import { UnreadableRecord } from './fields.ts';

const AT = { offset: 12, appendMs: 1_790_000_000_000 };

const POLICY = documentOf({
  apiVersion: 'policy.openservicemesh.io/v1alpha1',
  kind: 'UpstreamTrafficSetting',
  metadata: { name: 'p', namespace: 'shop', annotations: { 'fuseboard.dev/owner': 'team-a' } },
  spec: {
    host: 'api',
    connectionSettings: { tcp: { maxConnections: 7 }, http: { maxRetries: 3, circuitBreaking: { errorAmountThreshold: 10 } } },
    rateLimit: { local: { tcp: { connections: 1, unit: 'second' }, http: { requests: 2, unit: 'minute', burst: 1, responseHeadersToAdd: [{ name: 'a', value: 'b' }] } } },
    httpRoutes: [{ path: '/a.*', rateLimit: { local: { requests: 3, unit: 'hour', responseStatusCode: 503 } } }],
  },
});
const UPSTREAM = documentOf({
  apiVersion: 'fuseboard.dev/v1',
  kind: 'Upstream',
  metadata: { name: 'u' },
  spec: {
    host: 'api.shop',
    targets: ['127.0.0.1:1'],
    protocol: 'h2c',
    retries: { attempts: 2, on: ['refused', 503] },
    timeouts: { response: '2s', idle: '5s' },
    tls: { ca: '/etc/ca.pem', cert: '/etc/cert.pem', key: '/etc/key.pem', serverName: 'api.shop' },
  },
});

function documentOf(body: unknown): Document {
  const reading = readDocument(body);
  if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
  return reading.document;
}

const draftOf = (change: ControlChange): ControlDraft => ({ author: 'ann', reason: 'because', source: 'api', change });
const objectOf = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));

test.each<ControlChange>([
  { kind: 'apply', document: POLICY },
  { kind: 'apply', document: UPSTREAM },
  { kind: 'apply', document: POLICY, replaces: '', written: 'kind: X # as it stood\n' },
  { kind: 'delete', document: { kind: 'Upstream', namespace: 'shop', name: 'p' }, replaces: '0123456789ab' },
  { kind: 'delete', document: { kind: 'UpstreamTrafficSetting', namespace: 'shop', name: 'p' } },
  { kind: 'force', upstream: 'api.shop', to: 'open', durationMs: 600_000 },
  { kind: 'force', upstream: 'api.shop', to: 'closed' },
  { kind: 'clear', upstream: 'api.shop' },
  { kind: 'incarnation', partition: 3, number: 2, identity: 'ab12', startOffset: 40 },
])('C1: $kind is read back as it was written, with offset, time and hash', (change) => {
  const bytes = encodeControl(draftOf(change));
  const hash = createHash('sha256').update(bytes).digest('hex');
  const record = decodeControl(bytes, AT);
  expect({ ...record, change: plainChange(record.change) }).toStrictEqual({ ...draftOf(change), ...AT, hash });
});

test('C2: two records that differ in a letter have two hashes', () => {
  const [a, b] = ['x', 'y'].map((upstream) => decodeControl(encodeControl(draftOf({ kind: 'clear', upstream })), AT).hash);
  expect(a).not.toBe(b);
});

test('a document stands in the log as it was written, not as it was understood', () => {
  expect(objectOf(encodeControl(draftOf({ kind: 'apply', document: POLICY })))['document']).toStrictEqual({
    kind: 'UpstreamTrafficSetting',
    namespace: 'shop',
    name: 'p',
    version: POLICY.version,
    body: POLICY.body,
  });
});

test('deleting by a whole document writes its key alone', () => {
  expect(objectOf(encodeControl(draftOf({ kind: 'delete', document: POLICY })))['document']).toStrictEqual({
    kind: 'UpstreamTrafficSetting',
    namespace: 'shop',
    name: 'p',
  });
});

const APPLY = objectOf(encodeControl(draftOf({ kind: 'apply', document: UPSTREAM })));
const DOCUMENT = APPLY['document'] as { body: { spec: object } };

test.each<[object, string]>([
  [{ v: 2 }, 'version 2 is not known here, 1 is'],
  [{ kind: 'mark' }, 'kind is "mark"; allowed: apply, delete, force, clear, incarnation, engine'],
  [{ author: undefined }, 'author is missing; allowed: a string'],
  [{ source: 'stranger' }, 'source is "stranger"; allowed: directory, api, fuseboard'],
  [{ document: { ...DOCUMENT, name: 'other' } }, 'it is said to be of Upstream/default/other but its document is Upstream/default/u'],
  [
    { document: { ...DOCUMENT, body: { ...DOCUMENT.body, spec: { host: 'a b', port: 0 } } } },
    "Upstream/default/u can't be read: spec.host: found \"a b\"; allowed: a host name such as fortio.circuit-breaking.svc.cluster.local, without a port (that is spec.port); spec.port: found 0; allowed: a whole number from 1 to 65535",
  ],
])('a control record with %j is refused by offset and field', (change, message) => {
  const bytes = bytesOf({ ...APPLY, ...change });
  expect(() => decodeControl(bytes, AT)).toThrow(new UnreadableRecord(`the control record at offset 12: ${message}`));
});

test('a control record that is no JSON is refused by offset', () => {
  expect(() => decodeControl(Buffer.from('{'), AT)).toThrow('the control record at offset 12: the value is not JSON: ');
});

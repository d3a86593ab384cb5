import { expect, test } from 'vitest';
import type { Document } from '#engine';
import { plainDocument } from '../../../../test/support/plain-document.ts';
import { readDocument } from './document.ts';
import { decodePack, encodePack } from './pack.ts';

const policy = (name: string, host: string, more: { readonly amount?: number; readonly namespace?: string; readonly annotations?: object } = {}) => ({
  apiVersion: 'policy.openservicemesh.io/v1alpha1',
  kind: 'UpstreamTrafficSetting',
  metadata: { name, namespace: more.namespace ?? 'shop', ...(more.annotations === undefined ? {} : { annotations: more.annotations }) },
  spec: { host, connectionSettings: { tcp: { maxConnections: 9 }, http: { circuitBreaking: { errorAmountThreshold: more.amount ?? 5, degradedResponseContent: 'null' } } } },
});
const location = { apiVersion: 'fuseboard.dev/v1', kind: 'Upstream', metadata: { name: 'u', namespace: 'shop' }, spec: { host: 'u.shop', targets: ['127.0.0.1:1'] } };
const limitsOnly = { ...policy('limits', 'limits.shop'), spec: { host: 'limits.shop', connectionSettings: { tcp: { maxConnections: 3 } } } };

function read(body: unknown): Document {
  const reading = readDocument(body);
  if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
  return reading.document;
}

const byName = (documents: readonly Document[] | undefined) => documents?.map(plainDocument).toSorted((a, b) => (a.name < b.name ? -1 : 1));

test('all that is packed comes out as it was, without its body', () => {
  const alike = Array.from({ length: 20 }, (_, n) => policy(`p${n}`, n % 2 === 0 ? `h${n}.shop` : `H${n}`));
  const others = [policy('x', 'x.shop', { amount: 6 }), policy('y', 'y', { namespace: 'other' }), policy('z', 'z.shop:81', { annotations: { 'fuseboard.dev/enforce': 'false' } })];
  const plain = alike.map((body) => ({ ...body, spec: { ...body.spec, connectionSettings: { tcp: { maxConnections: 9 } } } })).map((body, n) => ({ ...body, metadata: { ...body.metadata, name: `q${n}` } }));
  const documents = [...alike, ...others, ...plain, location, limitsOnly].map(read);
  expect(byName(decodePack(encodePack(documents)))).toEqual(byName(documents.map((document) => ({ ...document, body: undefined }))));
});

test('of policies that are alike each takes little more than its name, its host and its version', () => {
  const named = (count: number): string => encodePack(Array.from({ length: count }, (_, n) => read({ ...limitsOnly, metadata: { name: `p${n}`, namespace: 'shop' }, spec: { ...limitsOnly.spec, host: `h${n}.shop` } })));
  expect((named(1_000).length - named(100).length) / 900).toBeLessThan('"p999","h999.shop","0123456789ab",'.length + 1);
});

test('a pack of another kind is left, and one with a document that can\'t be read is refused with what is wrong', () => {
  expect(decodePack('{"v":2}')).toBeUndefined();
  expect(() => decodePack(encodePack([read(location)]).replace('u.shop', 'u shop'))).toThrow('spec.host');
  expect(() => decodePack(encodePack([read(limitsOnly)]).replace('limits.shop', 'a b'))).toThrow('spec.host');
  const two = encodePack([read(limitsOnly), read({ ...limitsOnly, metadata: { name: 'second', namespace: 'shop' }, spec: { ...limitsOnly.spec, host: 'second.shop' } })]);
  expect(() => decodePack(two.replace('second.shop', 'a b'))).toThrow('UpstreamTrafficSetting/shop/second: spec.host');
});

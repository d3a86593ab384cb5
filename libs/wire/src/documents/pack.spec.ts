import { expect, test } from 'vitest';
import { textAt, type AlikeSettings, type Document, type TrafficSetting } from '#engine';
import { everyDocument, plainDocument } from '../../../../test/support/plain-document.ts';
import { readDocument } from './document.ts';
import { decodePack, encodePack, type PackedDocuments } from './pack.ts';

/** Whose content is 'null', which is read whole. */
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

const byName = (documents: readonly Document[]) => documents.map(plainDocument).toSorted((a, b) => (a.name < b.name ? -1 : 1));
const decoded = (text: string) => decodePack(Buffer.from(text));
/** The same for the reader of JSON alone: nobody writes a pack like that. */
const decodedAsJson = (text: string) => decoded(` ${text}`);
const decodedAgain = (documents: readonly Document[]) => [decoded, decodedAsJson].map((decode) => byName(everyDocument(decode(encodePack(documents)) as PackedDocuments)));
const withoutBodies = (documents: readonly Document[]) => byName(documents.map((document) => ({ ...document, body: undefined })));

test('all that is packed comes out as it was, without its body', () => {
  const alike = Array.from({ length: 20 }, (_, n) => policy(`p${n}`, n % 2 === 0 ? `h${n}.shop` : `H${n}`));
  const others = [policy('x', 'x.shop', { amount: 6 }), policy('y', 'y', { namespace: 'other' }), policy('z', 'z.shop:81', { annotations: { 'fuseboard.dev/enforce': 'false' } })];
  const plain = alike.map((body) => ({ ...body, spec: { ...body.spec, connectionSettings: { tcp: { maxConnections: 9 } } } })).map((body, n) => ({ ...body, metadata: { ...body.metadata, name: `q${n}` } }));
  for (const documents of [[...alike, ...others, ...plain, location, limitsOnly].map(read), []]) {
    for (const out of decodedAgain(documents)) expect(out).toEqual(withoutBodies(documents));
  }
});

test('of policies that are alike each keeps its bytes in the pack, be its host as it is written or not', () => {
  const breaking = { http: { circuitBreaking: { errorAmountThreshold: 5 } } };
  const named = (hostOf: (n: number) => string) => Array.from({ length: 9 }, (_, n) => read({ ...policy(`p${n}`, ''), spec: { host: hostOf(n), connectionSettings: breaking } }));
  for (const hostOf of [(n: number) => `h${n}.shop`, (n: number) => `h${n}.shop:${8_080 + n}`, (n: number) => `h${n}`, (n: number) => `H${n}.shop`, (n: number) => `[::${n + 1}]:80`, (n: number) => `h${n}.shop:080`]) {
    const documents = named(hostOf);
    for (const out of decodedAgain(documents)) expect(out).toEqual(withoutBodies(documents));
    const { documents: rest, alike } = decoded(encodePack(documents)) as PackedDocuments;
    expect([rest.length, alike.map(({ size }) => size)]).toEqual([0, [9]]);
    const [group] = alike as [AlikeSettings];
    expect(plainDocument(group.like)).toEqual(plainDocument(group.at(0)));
    expect(documents.map(({ name }, index) => [name, textAt(group.upstreams, index)])).toEqual(documents.map((document, index) => [textAt(group.names, index), (document as TrafficSetting).upstream]));
    expect(group.at(3)).toMatchObject({ kind: 'UpstreamTrafficSetting', name: 'p3', breaker: { identity: { name: 'p3', version: documents[3]?.version }, upstream: textAt(group.upstreams, 3) } });
  }
});

test('Upstreams that are alike come out as such as are not, and are read once', () => {
  const upstream = (n: number, spec: object) => read({ ...location, metadata: { name: `u${n}`, namespace: 'shop' }, spec: { host: `u${n}.shop`, ...spec } });
  const retries = { attempts: 2, on: ['refused'] };
  const documents = [0, 1, 2].flatMap((round) => [{ retries }, { targets: ['127.0.0.1:1'], retries }, { targets: ['B.shop:1'], retries, host: `b${round}` }, { listen: `127.0.0.1:${round + 1}` }, {}].map((spec, n) => upstream(10 * round + n, spec)));
  for (const out of decodedAgain(documents)) expect(out).toEqual(withoutBodies(documents));
  const shared = decoded(encodePack(documents))?.documents.map((document) => document.kind === 'Upstream' && document.retries);
  expect(new Set(shared).size).toBe(2);
});

test('of policies that are alike each takes little more than its name, its host and its version', () => {
  const named = (count: number): string => encodePack(Array.from({ length: count }, (_, n) => read({ ...limitsOnly, metadata: { name: `p${n}`, namespace: 'shop' }, spec: { ...limitsOnly.spec, host: `h${n}.shop` } })));
  expect((named(1_000).length - named(100).length) / 900).toBeLessThan('"p999","h999.shop","0123456789ab",'.length + 1);
});

test('a pack of another kind is left, and one with a document that can\'t be read is refused with what is wrong', () => {
  const named = (...names: readonly string[]): string => encodePack(names.map((name) => read({ ...limitsOnly, metadata: { name, namespace: 'shop' }, spec: { ...limitsOnly.spec, host: `${name}.shop` } })));
  for (const decode of [decoded, decodedAsJson]) {
    expect(decode('{"v":2}')).toBeUndefined();
    expect(decode('{"v":2,"groups":[],"others":[]}')).toBeUndefined();
    expect(() => decode(encodePack([read(location)]).replace('u.shop', 'u shop'))).toThrow('spec.host');
    expect(() => decode(encodePack([read(limitsOnly)]).replace('limits.shop', 'a b'))).toThrow('spec.host');
    for (const pack of [named('first', 'second'), named('first', 'a', 'b', 'c', 'second')]) {
      expect(() => decode(pack.replace('second.shop', 'a b'))).toThrow('UpstreamTrafficSetting/shop/second: spec.host');
      expect(() => decode(pack.replace('first.shop', 'a b'))).toThrow('spec.host');
    }
  }
});

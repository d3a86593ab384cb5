import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ControlDraft, Document } from '#engine';
import { plainChange } from '../../../test/support/plain-document.ts';
import { encodeControl, readControl } from './control.ts';
import { scanApplied } from './control-scan.ts';
import { readDocument } from './documents/document.ts';
import { Fields } from './fields.ts';

const CASES = 6_000;
const reached = { scanned: 0, upstreams: 0, left: 0, refused: 0 };

/** The same bytes as they lie in a batch, between others. */
function scan(value: Uint8Array): ReturnType<typeof scanApplied> {
  const around = Buffer.from('"}1,');
  const scanned = scanApplied(Buffer.concat([around, value, around]).subarray(around.length, around.length + value.length));
  return scanned && { ...scanned, change: plainChange(scanned.change) };
}

/** Undefined: it is refused. */
function asJson(value: Uint8Array): ReturnType<typeof readControl> | undefined {
  try {
    return readControl(Fields.of('a record', value));
  } catch {
    return undefined;
  }
}

/** What is scanned is what is read as JSON, with its fields in the same order; what isn't is left to that. */
function isAlike(value: Uint8Array): boolean {
  const [scanned, read] = [scan(value), asJson(value)];
  const isUpstream = scanned?.change.kind === 'apply' && scanned.change.document.kind === 'Upstream';
  reached[scanned === undefined ? (read === undefined ? 'refused' : 'left') : isUpstream ? 'upstreams' : 'scanned']++;
  return scanned === undefined || (isDeepStrictEqual(scanned, read) && bodyOf(scanned) === bodyOf(read));
}

/** What an operator gets back. */
function bodyOf(read: ReturnType<typeof scanApplied>): string {
  return read?.change.kind === 'apply' ? JSON.stringify(read.change.document.body) : '';
}

const POLICY = { apiVersion: 'policy.openservicemesh.io/v1alpha1', kind: 'UpstreamTrafficSetting' };
const UPSTREAM = { apiVersion: 'fuseboard.dev/v1', kind: 'Upstream' };
const plain = fc.string({ maxLength: 12, unit: 'grapheme-ascii' });
const text = fc.oneof({ weight: 20, arbitrary: fc.constantFrom('ann', 'directory', 'as in a.yaml') }, { weight: 2, arbitrary: plain }, { weight: 1, arbitrary: fc.string({ maxLength: 12, unit: 'binary' }) });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}[a-z]$/);
const host = fc.oneof(name, name.map((some) => `${some}.shop`), name.map((some) => `${some.toUpperCase()}.shop:8080`), fc.constantFrom('a b', '[::1]:80', '"'));
const settings = [
  { connectionSettings: { http: { circuitBreaking: { errorAmountThreshold: 7, statTimeWindow: '1m' } } } },
  { connectionSettings: { tcp: { maxConnections: 3 }, http: { circuitBreaking: { errorRatioThreshold: 0.5, degradedResponseContent: '{"a":"b"}\n' } } } },
  { rateLimit: { local: { http: { requests: 5, unit: 'second' } } } },
  { connectionSettings: { http: { circuitBreaking: { errorAmountThreshold: 7, degradedResponseContent: 'über' } } } },
  { connectionSettings: { http: { circuitBreaking: {} } } },
  { unheardOf: 1 },
];
const spec = fc.tuple(host, fc.constantFrom(...settings), fc.boolean()).map(([named, rest, isFirst]) => (isFirst ? { host: named, ...rest } : { ...rest, host: named }));
const metadata = fc.tuple(name, fc.constantFrom('shop', 'default'), fc.constantFrom({}, {}, {}, {}, { annotations: { 'fuseboard.dev/enforce': 'false' } })).map(([its, namespace, more]) => ({ name: its, namespace, ...more }));
const target = fc.oneof({ weight: 20, arbitrary: fc.constantFrom('127.0.0.1:9', 'Cart.shop:8080', '[::1]:1') }, { weight: 1, arbitrary: fc.constantFrom('a', '"', 'a:0') });
const located = fc.oneof({ weight: 9, arbitrary: fc.oneof(name, name.map((some) => `${some}.Shop`), fc.constant('[::1]')) }, { weight: 1, arbitrary: host });
const location = fc.record({ host: located, targets: fc.array(target, { minLength: 1, maxLength: 3 }) }, { requiredKeys: ['host'] });
const ways = [{}, { port: 8_080 }, { retries: { attempts: 2, on: ['refused', 503] } }, { tls: { ca: '/etc/\u00e9.pem' } }, { listen: '127.0.0.1:1' }, { retries: { on: ['response-timeout'] } }];
const where = fc.tuple(location, fc.constantFrom(...ways), fc.constantFrom(0, 0, 0, 1, 2)).map(([{ host: named, targets }, rest, order]) => {
  const own = targets === undefined ? [['host', named]] : [['host', named], ['targets', targets]];
  const fields = [...own, ...Object.entries(rest)];
  return Object.fromEntries(order === 0 ? fields : order === 1 ? fields.toReversed() : fields.toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))) as object;
});
const document = fc.record({ metadata, said: fc.oneof({ weight: 3, arbitrary: spec.map((its) => ({ ...POLICY, spec: its })) }, { weight: 1, arbitrary: where.map((its) => ({ ...UPSTREAM, spec: its })) }) }).map(({ metadata: its, said: { apiVersion, kind, spec: said } }) => {
  const body = { apiVersion, kind, metadata: its, spec: said };
  return { kind, namespace: its.namespace, name: its.name, version: '0123456789ab', body } as unknown as Document;
});
const apply = fc.record({ kind: fc.constant('apply'), document, replaces: fc.constantFrom('', '0123456789ab'), written: fc.oneof(plain, fc.constant('kind: X # "so"\n\tspec: {}')) }, { requiredKeys: ['kind', 'document'] });
const other = fc.constantFrom({ kind: 'clear', upstream: 'a' }, { kind: 'delete', document: { kind: 'Upstream', namespace: 'shop', name: 'p' } });
const draft = fc.record({ author: text, reason: text, source: fc.constantFrom('api', 'directory', 'directory', 'fuseboard'), change: fc.oneof({ weight: 30, arbitrary: apply }, { weight: 1, arbitrary: other }) });
const written = draft.map((made) => Buffer.from(encodeControl(made as unknown as ControlDraft)));

test('what is scanned of a control record is what it is read as, and all else is left to the reader of JSON', () => {
  fc.assert(fc.property(written, isAlike), { numRuns: CASES });
  expect(reached.scanned).toBeGreaterThan(CASES / 10);
  expect(reached.upstreams).toBeGreaterThan(CASES / 40);
  expect(reached.left).toBeGreaterThan(CASES / 20);
  expect(reached.refused).toBeGreaterThan(CASES / 20);
});

test('a control record with some bytes changed, cut or put in is scanned as it is read, or left', () => {
  const words = ['"', '\\', ',', '}', '{', '[', ']', ':', ' ', '0', '5', 'null', '"host":"x",', ',"host":"x"', ',"a:1"', '"targets":["a:1"],', '"h\\u006fst":"x",', '"v":2,', '\u007f', '\n'].map((each) => new Uint8Array(Buffer.from(each)));
  const edit = fc.record({ at: fc.nat(600), bytes: fc.oneof(fc.constantFrom(...words), fc.uint8Array({ maxLength: 3 })), cut: fc.nat(3) });
  const edited = fc.tuple(written, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([value, edits]) => edits.reduce((bytes, { at, bytes: put, cut }) => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]), value));
  // What is remembered of a damaged one must mean nothing to the next.
  const before = reached.refused;
  fc.assert(fc.property(edited, (value) => isAlike(value) && isAlike(value)), { numRuns: CASES });
  expect(reached.refused - before).toBeGreaterThan(CASES / 10);
});

const SPEC = settings[0] as object;

function applied(its: string, more: object = {}): Buffer {
  const reading = readDocument({ apiVersion: 'policy.openservicemesh.io/v1alpha1', kind: 'UpstreamTrafficSetting', metadata: { name: its, namespace: 'shop' }, spec: { host: `${its}.shop`, ...SPEC } });
  if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
  return Buffer.from(encodeControl({ author: 'ann', reason: 'because', source: 'api', change: { kind: 'apply', document: reading.document, ...more } }));
}

test('a policy like one before is scanned, whoever wrote it, and shares with it what both have; one that ends too early is left', () => {
  const [first, second] = [applied('a'), applied('b')].map(scan);
  expect(first).toStrictEqual(asJson(applied('a')));
  for (const value of [applied('b'), applied('b', { replaces: '' }), applied('b', { written: 'a: "b"\nc: d\n' }), applied('b', { replaces: '0123456789ab', written: '' })]) {
    expect(scan(value)).toStrictEqual(asJson(value));
    for (let cut = 1; cut < value.length; cut++) expect(scan(value.subarray(0, value.length - cut))).toBeUndefined();
  }
  const limitsOf = (of: typeof first): unknown => of?.change.kind === 'apply' && of.change.document.kind === 'UpstreamTrafficSetting' && of.change.document.limits;
  expect(limitsOf(second)).toBe(limitsOf(first));
});

test('an Upstream like one before is scanned, be it with targets or without, and shares with it what both have; one that ends too early is left', () => {
  const upstream = (its: string, more: object): Buffer => {
    const reading = readDocument({ ...UPSTREAM, metadata: { name: its, namespace: 'shop' }, spec: { host: `${its}.shop`, ...more, retries: { on: ['refused'] } } });
    if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
    return Buffer.from(encodeControl({ author: 'ann', reason: 'because', source: 'api', change: { kind: 'apply', document: reading.document } }));
  };
  const shared = new Set<unknown>();
  for (const more of [{}, { targets: ['127.0.0.1:1'] }, { targets: ['[::1]:1', 'B.shop:2'] }]) {
    for (const value of [upstream('a', more), upstream('b', more)]) {
      expect(scan(value)).toStrictEqual(asJson(value));
      for (let cut = 1; cut < value.length; cut++) expect(scan(value.subarray(0, value.length - cut))).toBeUndefined();
      const { change } = scan(value) as NonNullable<ReturnType<typeof scan>>;
      shared.add(change.kind === 'apply' && change.document.kind === 'Upstream' && change.document.retries);
    }
  }
  expect([...shared]).toEqual([{ attempts: 1, on: ['refused'] }]);
});

test('a field that hides in an escape, or is there twice, is the reader’s to find', () => {
  const hiding = (its: string, hidden: string): Buffer => Buffer.from(applied(its).toString().replace(`"host":"${its}.shop",`, `"host":"${its}.shop",${hidden},`));
  for (const hidden of ['"h\\u006fst":"x.shop"', '"host":"x.shop"']) for (const its of ['x', 'y']) expect(scan(hiding(its, hidden))).toBeUndefined();
});

test('what is no text where one must be is left', () => {
  const value = applied('a', { replaces: '', written: 'x' }).toString();
  for (const odd of ['"written":5', '"written":5\n', '"written":null', '"written":"x\\q"', '"written":"\\u12"']) expect(scan(Buffer.from(value.replace('"written":"x"', odd)))).toBeUndefined();
});

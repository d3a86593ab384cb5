import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { textAt, type TextColumn } from '#engine';
import { plainDocument } from '../../../../test/support/plain-document.ts';
import { readDocument } from './document.ts';
import { scanPack, type ScannedPack } from './pack-scan.ts';

const CASES = 3_000;
const reached = { scanned: 0, upstreams: 0, left: 0, refused: 0 };

interface Pack {
  readonly others: readonly unknown[];
}

const textsOf = (column: TextColumn): string[] => Array.from(column.starts, (_, index) => textAt(column, index));

/** The same bytes as they lie in an answer, between others; in the words of JSON, but for those read as Upstreams. */
function scan(pack: Uint8Array): (Pack & Pick<ScannedPack, 'upstreams'>) | undefined {
  const around = Buffer.from('"]}1,');
  const scanned = scanPack(Buffer.concat([around, pack, around]).subarray(around.length, around.length + pack.length));
  if (scanned === undefined) return undefined;
  const groups = scanned.groups.map((group) => ({ ...group, names: textsOf(group.names), hosts: textsOf(group.hosts), versions: textsOf(group.versions) }));
  return Object.assign({ v: 1 }, { ...scanned, groups });
}

/** What is scanned is what is read as JSON; what isn't is left to that. */
function isAlike(pack: Uint8Array): boolean {
  const [scanned, read] = [scan(pack), asJson(pack)];
  reached[scanned === undefined ? (read === undefined ? 'refused' : 'left') : 'scanned']++;
  if (scanned === undefined) return true;
  reached.upstreams += scanned.upstreams.length;
  const { upstreams, ...rest } = scanned;
  const [documents, others] = [[...upstreams], [...scanned.others]];
  for (const body of (read as Pack).others) {
    const [document, first] = [documentOf(body), documents[0]];
    if (first !== undefined && isDeepStrictEqual(plainDocument(first), document)) documents.shift();
    else if (!isDeepStrictEqual(others.shift(), body)) return false;
  }
  return documents.length + others.length === 0 && isDeepStrictEqual({ ...rest, others: [] }, { ...(read as Pack), others: [] });
}

/** As a pack gives it. */
function documentOf(body: unknown): unknown {
  const reading = readDocument(body);
  return 'document' in reading ? { ...reading.document, body: undefined } : undefined;
}

/** Undefined: it is none. */
function asJson(pack: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(pack).toString('utf8'));
  } catch {
    return undefined;
  }
}

const plain = fc.string({ maxLength: 20, unit: 'grapheme-ascii' }).map((any) => any.replaceAll(/["\\]/g, '-'));
const text = fc.oneof({ weight: 60, arbitrary: plain }, { weight: 1, arbitrary: fc.string({ maxLength: 12, unit: 'binary' }) });
const anything = fc.oneof(fc.object({ maxDepth: 1, maxKeys: 3 }), fc.array(fc.anything({ maxDepth: 1, maxKeys: 2 }), { maxLength: 2 }));
const mostly = (usual: readonly unknown[], seldom: readonly unknown[]) => fc.oneof({ weight: 40, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...seldom) });
const rows = fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 5 });
const group = fc.record({ apiVersion: text, namespace: text, spec: anything, rows }).map(({ rows: each, ...rest }) => ({ ...rest, names: each.map(([name]) => name), hosts: each.map(([, host]) => host), versions: each.map(([, , version]) => version) }));
const odd = fc.oneof({ weight: 19, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.constantFrom({ names: [] }, { names: ['one'] }, { hosts: [5] }, { versions: null }, { more: 1 }) });
const groups = fc.array(fc.tuple(group, odd).map(([each, what]) => ({ ...each, ...what })), { maxLength: 3 });
const host = mostly(['a.shop', 'B.shop', 'bare'], ['a b', '"', 'a.shop:80', 'é']);
const targets = mostly([['127.0.0.1:9'], ['A.shop:1', '[::1]:80']], [[], ['a'], [5], null]);
const name = mostly(['u', 'v-1'], ['No', '']);
const upstream = fc.tuple(name, fc.record({ host, targets }, { requiredKeys: ['host'] }), mostly([{}, { port: 8_080 }, { retries: { on: ['refused'] } }], [{ port: 0 }, { listen: '127.0.0.1:1' }, { tls: { ca: '/é' } }])).map(([its, own, rest]) => ({ apiVersion: 'fuseboard.dev/v1', kind: 'Upstream', metadata: { name: its, namespace: 'shop' }, spec: { ...(own as object), ...(rest as object) } }));
const others = fc.oneof({ weight: 9, arbitrary: fc.array(fc.oneof({ weight: 3, arbitrary: upstream }, { weight: 1, arbitrary: anything }), { maxLength: 3 }) }, { weight: 1, arbitrary: anything });
const written = fc.record({ v: fc.constant(1), groups, others }).map((pack) => Buffer.from(JSON.stringify(pack)));

test('what is scanned of a pack is what it is read as, and all else is left to the reader of JSON', () => {
  fc.assert(fc.property(written, isAlike), { numRuns: CASES });
  expect(reached.scanned).toBeGreaterThan(CASES / 4);
  expect(reached.upstreams).toBeGreaterThan(CASES / 4);
  expect(reached.left).toBeGreaterThan(CASES / 100);
});

test('a pack with some bytes changed, cut or put in is scanned as it is read, or left', () => {
  const words = ['"', '\\', ',', '}', '{', '[', ']', ':', ' ', '0', '"a"', ',"a"', '{}', ',{"apiVersion":"', ',"a:1"', '"host":"x",', '\u00e9', '"v":2,', '\u007f'].map((each) => new Uint8Array(Buffer.from(each)));
  const edit = fc.record({ at: fc.nat(300), bytes: fc.oneof(fc.constantFrom(...words), fc.uint8Array({ maxLength: 3 })), cut: fc.nat(3) });
  const edited = fc.tuple(written, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([pack, edits]) => edits.reduce((bytes, { at, bytes: put, cut }) => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]), pack));
  fc.assert(fc.property(edited, isAlike), { numRuns: CASES });
  expect(reached.refused).toBeGreaterThan(CASES / 10);
});

test('one that ends too early is left, wherever it ends', () => {
  const pack = Buffer.from(JSON.stringify({ v: 1, groups: ['shop', 'other'].map((namespace) => ({ apiVersion: 'v1', namespace, spec: { a: ['"]', {}] }, names: ['p', 'q'], hosts: ['a.shop', 'b.shop'], versions: ['0', '1'] })), others: [{ b: '\u00e9' }] }));
  expect(scan(pack)).toStrictEqual({ ...(asJson(pack) as Pack), upstreams: [] });
  for (let cut = 1; cut < pack.length; cut++) expect(scan(pack.subarray(0, pack.length - cut))).toBeUndefined();
});

/** The published JSON Schemas say exactly what the decoders do. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { decodeEntry } from './entry.ts';
import { decodeTransition } from './transition.ts';

const ajv = new Ajv2020({ strictSchema: true, strictTypes: false, strictRequired: false });

function schema(name: string): (text: string) => boolean {
  const path = join(import.meta.dirname, '..', 'schema', `${name}.schema.json`);
  const validate = ajv.compile(JSON.parse(readFileSync(path, 'utf8')) as object);
  return (text) => validate(JSON.parse(text));
}

const outcomeFits = schema('outcome');
const markFits = schema('mark');
const transitionFits = schema('transition');

const isOutcome = (text: string) => decodeEntry(null, Buffer.from(text)).kind === 'outcome';
const isMark = (text: string) => decodeEntry(null, Buffer.from(text)).kind === 'mark';
function isTransition(text: string): boolean {
  try {
    decodeTransition(Buffer.from(text));
    return true;
  } catch {
    return false;
  }
}

const OUTCOME = { v: 1, upstream: 'a.b', at: 1_790_000_000_123, status: 200, reporter: 'r' };
const MARK = { v: 1, kind: 'mark', control: 4, hash: 'ab' };
const TRANSITION = {
  v: 1,
  kind: 'transition',
  upstream: 'a.b',
  incarnation: 1,
  generation: 2,
  from: 'closed',
  to: 'open',
  at: 1_790_000_000_123,
  reason: 'errors',
  cause: { kind: 'outcome', partition: 1, offset: 2, id: 'x' },
  window: { startedAt: 1_790_000_000_000, total: 3, errors: 2, slow: 0 },
  policy: { name: 'p', namespace: 'n', version: '0123456789ab' },
  openUntil: 1_790_000_030_123,
};

test.each<[string, boolean]>([
  ['{}', true],
  ['{"kind":"outcome"}', true],
  ['{"kind":"mark"}', false],
  ['{"v":2}', false],
  ['{"v":1.0,"at":1e3,"status":2e2,"count":1.0}', true],
  ['{"status":599}', true],
  ['{"status":600}', false],
  ['{"ok":true}', false],
  ['{"durationMs":0.25,"count":1000000,"id":"x","incarnation":0,"generation":0}', true],
  ['{"count":0}', false],
  ['{"count":1000001}', false],
  ['{"incarnation":1}', false],
  ['{"generation":1}', false],
  ['{"id":""}', false],
  ['{"at":9007199254740992}', false],
  ['{"durationMs":1e999}', false],
  [`{"upstream":"${'😀'.repeat(259)}"}`, true],
  [`{"upstream":"${'😀'.repeat(260)}"}`, false],
  ['{"unknown":{"any":[]},"route":7,"latency":"x","target":null,"attempt":"two"}', true],
])('an outcome with %s: schema and decoder both say %s', (change, good) => {
  const text = `${JSON.stringify(OUTCOME).slice(0, -1)},${change.slice(1)}`.replace(',}', '}');
  expect([outcomeFits(text), isOutcome(text)]).toEqual([good, good]);
});

test.each([
  ['{"grpcStatus":16}', true],
  ['{"grpcStatus":17}', false],
  ['{"failure":"bad-response"}', true],
  ['{"failure":"other"}', false],
  ['{"ok":true}', true],
  ['{"ok":false}', false],
  ['{"ok":true,"failure":"reset"}', false],
  ['{}', false],
])('an outcome that ended as %s: schema and decoder both say %s', (result, good) => {
  const text = JSON.stringify({ v: 1, upstream: 'a', at: 1, reporter: 'r', ...(JSON.parse(result) as object) });
  expect([outcomeFits(text), isOutcome(text)]).toEqual([good, good]);
});

const odd = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, false, 0, 1, -1, 1.5, 100, 599, 1e6, 2 ** 53, '', 'x', 'mark', 'open', 'closed', 'reset', 'outcome', 'deadline', 'policy', [], {}),
  fc.jsonValue({ maxDepth: 1 }),
);

/** Any of the fields replaced by whatever. */
function mutated(of: object, extra: readonly string[]): fc.Arbitrary<string> {
  return fc
    .dictionary(fc.constantFrom(...Object.keys(of), ...extra), odd, { maxKeys: 3, noNullPrototype: true })
    .map((change) => JSON.stringify({ ...of, ...change }));
}

test('schema and decoder agree on outcomes and marks, whatever is changed in them', () => {
  const outcomes = mutated(OUTCOME, ['kind', 'id', 'grpcStatus', 'failure', 'ok', 'durationMs', 'count', 'incarnation', 'generation', 'attempt', 'target']);
  fc.assert(fc.property(outcomes, (text) => void expect(outcomeFits(text)).toBe(isOutcome(text))), { numRuns: 3_000 });
  fc.assert(fc.property(mutated(MARK, ['status']), (text) => void expect(markFits(text)).toBe(isMark(text))), { numRuns: 1_000 });
});

test('schema and decoder agree on transitions, whatever is changed in them', () => {
  const agree = (text: string) => void expect(transitionFits(text)).toBe(isTransition(text));
  expect(isTransition(JSON.stringify(TRANSITION))).toBe(true);
  agree(JSON.stringify(TRANSITION));
  fc.assert(fc.property(mutated(TRANSITION, []), agree), { numRuns: 2_000 });
  const inside = (field: 'cause' | 'window' | 'policy', extra: readonly string[]) =>
    mutated(TRANSITION[field], extra).map((text) => JSON.stringify({ ...TRANSITION, [field]: JSON.parse(text) as unknown }));
  fc.assert(fc.property(fc.oneof(inside('cause', ['author', 'controlOffset']), inside('window', []), inside('policy', [])), agree), { numRuns: 2_000 });
});

test('half-open is reserved: the schema lets consumers know it, the decoder does not yet', () => {
  const text = JSON.stringify({ ...TRANSITION, to: 'half-open' });
  expect([transitionFits(text), isTransition(text)]).toEqual([true, false]);
});

const ROOT = join(import.meta.dirname, '..', '..', '..');

test('every record on the producers\' page is what it says', () => {
  const page = readFileSync(join(ROOT, 'docs', 'producers.md'), 'utf8');
  const records = [...page.matchAll(/^```json\n(.*)\n```$/gm)].map(([, text = '']) => text);
  expect(records.map((text) => (isOutcome(text) ? 'outcome' : isMark(text) ? 'mark' : isTransition(text) ? 'transition' : text))).toEqual(
    ['outcome', 'outcome', 'outcome', 'outcome', 'outcome', 'mark', 'transition'],
  );
});

test('every reason on the producers\' page is one that is given', () => {
  const page = readFileSync(join(ROOT, 'docs', 'producers.md'), 'utf8');
  const given = [
    { ...OUTCOME, status: 700 },
    { ...OUTCOME, ok: true },
    { ...OUTCOME, at: 1_790_000_000.123 },
    { ...OUTCOME, incarnation: 1 },
    { ...OUTCOME, v: 2 },
  ].map((record) => Buffer.from(JSON.stringify(record)));
  for (const value of [...given, Buffer.from([0, 0, 0, 0, 1]), null, Buffer.alloc(70_000)]) {
    const entry = decodeEntry(null, value);
    expect(page).toContain(`| \`${entry.kind === 'dead' ? entry.reason : 'it was read'}\` |`);
  }
});

test('what the AsyncAPI document refers to is there', () => {
  const wire = join(ROOT, 'libs', 'wire');
  const document = parse(readFileSync(join(wire, 'asyncapi.yaml'), 'utf8')) as object;
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, reference = '']) => reference);
  expect(references.length).toBeGreaterThan(5);
  for (const reference of references) {
    const [file = '', pointer = ''] = reference.split('#');
    if (file !== '') readFileSync(join(wire, file));
    let found: unknown = document;
    for (const step of pointer.split('/').slice(1)) found = (found as Record<string, unknown>)[step];
    expect([reference, found]).not.toContain(undefined);
  }
});

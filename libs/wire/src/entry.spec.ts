import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FAILURES } from '#engine';
import type { Mark, Outcome } from '#engine';
import { COUNT_MAX, decodeEntry, encodeMark, encodeOutcome, ENTRY_BYTES_MAX, withId } from './entry.ts';

const result: fc.Arbitrary<Outcome['result']> = fc.oneof(
  fc.record({ kind: fc.constant('status' as const), code: fc.integer({ min: 100, max: 599 }) }),
  fc.record({ kind: fc.constant('grpc' as const), code: fc.integer({ min: 0, max: 16 }) }),
  fc.record({ kind: fc.constant('failure' as const), failure: fc.constantFrom(...FAILURES) }),
  fc.record({ kind: fc.constant('ok' as const) }),
);
const name = fc.string({ minLength: 1, maxLength: 100, unit: 'binary' });

const outcome = fc.record(
  {
    upstream: name.map((text) => text.toLowerCase()),
    atMs: fc.maxSafeNat(),
    reporter: name,
    id: name,
    result,
    durationMs: fc.double({ min: 0, max: 1e9, noNaN: true }).map((ms) => ms + 0),
    count: fc.integer({ min: 1, max: COUNT_MAX }),
    admitted: fc.record({ incarnation: fc.maxSafeNat(), generation: fc.maxSafeNat() }, { noNullPrototype: true }),
    target: name,
    attempt: fc.nat(),
  },
  { noNullPrototype: true, requiredKeys: ['upstream', 'atMs', 'reporter', 'result', 'count'] },
) as fc.Arbitrary<Outcome>;

const read = (text: string) => decodeEntry(null, Buffer.from(text));
const VALID = { v: 1, upstream: 'a.b', at: 1_790_000_000_123, status: 200, reporter: 'r' };
const readWith = (change: object) => read(JSON.stringify({ ...VALID, ...change }));

/** The reason a value is dead for, and that it was kept byte for byte. */
function reasonOf(value: Uint8Array | null): string {
  const key = Buffer.from('k');
  const entry = decodeEntry(key, value);
  if (entry.kind !== 'dead') throw new Error(`not dead: ${JSON.stringify(entry)}`);
  expect(entry.key).toBe(key);
  expect(entry.value).toBe(value);
  return entry.reason;
}
const reasonWith = (change: object) => reasonOf(Buffer.from(JSON.stringify({ ...VALID, ...change })));

test('an outcome is read back as it was written', () => {
  fc.assert(
    fc.property(outcome, (written) => {
      // A lone surrogate can't be written in UTF-8 by name; JSON.stringify escapes it, so it survives.
      expect(decodeEntry(null, encodeOutcome(written))).toEqual({ kind: 'outcome', outcome: written });
    }),
  );
});

test('a mark is read back as it was written, the empty one too', () => {
  for (const mark of [{ control: 7, hash: 'ab'.repeat(32) }, { control: -1, hash: '' }] satisfies Mark[]) {
    expect(decodeEntry(null, encodeMark(mark))).toStrictEqual({ kind: 'mark', mark });
  }
});

test('the record of the interface page is read', () => {
  const text =
    '{"v":1,"id":"proxy-a/01J","upstream":"fortio.circuit-breaking.svc.cluster.local","at":1790000000123,"status":511,"durationMs":4.2,"reporter":"proxy-a","incarnation":1,"generation":3}';
  expect(read(text)).toEqual({
    kind: 'outcome',
    outcome: {
      upstream: 'fortio.circuit-breaking.svc.cluster.local',
      atMs: 1790000000123,
      reporter: 'proxy-a',
      id: 'proxy-a/01J',
      result: { kind: 'status', code: 511 },
      durationMs: 4.2,
      count: 1,
      admitted: { incarnation: 1, generation: 3 },
    },
  });
});

test('L3: the upstream is read in lower case', () => {
  expect(readWith({ upstream: 'API.Shop:8080' })).toMatchObject({ outcome: { upstream: 'api.shop:8080' } });
});

test('unknown fields, and bad values of fields that nobody judges, cost no outcome', () => {
  expect(readWith({ colour: 'blue', route: 7, zone: null, latency: 'x', class: [], target: 5, attempt: 'two' })).toEqual(readWith({}));
});

test('the key is not read: the name in the value counts (L2)', () => {
  expect(decodeEntry(Buffer.from('another'), Buffer.from(JSON.stringify(VALID)))).toMatchObject({ outcome: { upstream: 'a.b' } });
});

test('__proto__ in a record is a field like any other and changes nothing', () => {
  const text = `{"__proto__":{"status":200,"polluted":true},${JSON.stringify(VALID).slice(1)}`;
  expect(read(text)).toEqual(readWith({}));
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(reasonOf(Buffer.from('{"__proto__":{"v":1,"upstream":"a","at":1,"reporter":"r","ok":true}}'))).toBe('v is missing; allowed: 1');
});

const WHOLE = (min: number, max: string) => `allowed: a whole number from ${min} to ${max}`;
const TIME = 'allowed: milliseconds since 1970, a whole number';

test.each<[object, string]>([
  [{ v: 2 }, 'version 2 is not known here, 1 is'],
  [{ v: '1' }, 'v is "1"; allowed: 1'],
  [{ v: undefined }, 'v is missing; allowed: 1'],
  [{ kind: 'transition' }, 'kind is "transition"; allowed: "mark", or no kind at all for an outcome'],
  [{ upstream: undefined }, 'upstream is missing; allowed: a string of 1 to 259 characters'],
  [{ upstream: '' }, 'upstream is ""; allowed: a string of 1 to 259 characters'],
  [{ upstream: ['a'] }, 'upstream is an array; allowed: a string of 1 to 259 characters'],
  [{ upstream: 'u'.repeat(260) }, `upstream is "${'u'.repeat(48)}…" (260 characters); allowed: a string of 1 to 259 characters`],
  [{ reporter: 7 }, 'reporter is 7; allowed: a string of 1 to 256 characters'],
  [{ id: '' }, 'id is ""; allowed: a string of 1 to 256 characters'],
  [{ id: 'i'.repeat(257) }, `id is "${'i'.repeat(48)}…" (257 characters); allowed: a string of 1 to 256 characters`],
  [{ at: 1.5 }, `at is 1.5; ${TIME}`],
  [{ at: '1790000000123' }, `at is "1790000000123"; ${TIME}`],
  [{ at: -1 }, `at is -1; ${TIME}`],
  [{ at: 2 ** 53 }, `at is 9007199254740992; ${TIME}`],
  [{ status: 99 }, `status is 99; ${WHOLE(100, '599')}`],
  [{ status: 600 }, `status is 600; ${WHOLE(100, '599')}`],
  [{ status: '200' }, `status is "200"; ${WHOLE(100, '599')}`],
  [{ status: null }, `status is null; ${WHOLE(100, '599')}`],
  [{ status: undefined, grpcStatus: 17 }, `grpcStatus is 17; ${WHOLE(0, '16')}`],
  [{ status: undefined, failure: 'tired' }, 'failure is "tired"; allowed: refused, reset, timeout, dns, tls, bad-response'],
  [{ status: undefined, failure: 'toString' }, 'failure is "toString"; allowed: refused, reset, timeout, dns, tls, bad-response'],
  [{ status: undefined, ok: false }, 'ok is false; allowed: true; say what failed by status, grpcStatus or failure'],
  [{ status: undefined }, 'exactly one of status, grpcStatus, failure, ok is required; none of them is there'],
  [{ ok: true }, 'exactly one of status, grpcStatus, failure, ok is required; status and ok are there'],
  [{ durationMs: -0.1 }, 'durationMs is -0.1; allowed: a number from 0 to 2^53 - 1'],
  [{ durationMs: '4ms' }, 'durationMs is "4ms"; allowed: a number from 0 to 2^53 - 1'],
  [{ count: 0 }, `count is 0; ${WHOLE(1, '1,000,000')}`],
  [{ count: 1_000_001 }, `count is 1000001; ${WHOLE(1, '1,000,000')}`],
  [{ count: 1.5 }, `count is 1.5; ${WHOLE(1, '1,000,000')}`],
  [{ incarnation: 1 }, 'incarnation is 1 but generation is missing; allowed: both or none'],
  [{ generation: 1 }, 'generation is 1 but incarnation is missing; allowed: both or none'],
  [{ incarnation: 1, generation: -1 }, `generation is -1; ${WHOLE(0, '2^53 - 1')}`],
  [{ incarnation: {}, generation: 1 }, `incarnation is an object; ${WHOLE(0, '2^53 - 1')}`],
  [{ kind: 'mark', control: -2, hash: '' }, 'control is -2; allowed: a whole number from -1'],
  [{ kind: 'mark', control: 1 }, 'hash is missing; allowed: a string of at most 128 characters'],
])('an outcome with %j is dead, and the reason says why', (change, reason) => {
  expect(reasonWith(change)).toBe(reason);
});

test.each<[string, string]>([
  ['', 'the value is not JSON: it is empty'],
  ['\u0000\u0000\u0000\u0000\u0001{}', 'the value is not JSON: it starts with a zero byte, as a schema registry serializer writes; send plain JSON'],
  ['\ufeff{}', 'the value is not JSON: it starts with a byte order mark; leave it out'],
  ['[]', 'the value is an array; allowed: a JSON object'],
  ['null', 'the value is null; allowed: a JSON object'],
  ['"x"', 'the value is "x"; allowed: a JSON object'],
  [`{"v":1,"upstream":"a","at":1e999,"ok":true,"reporter":"r"}`, `at is Infinity; ${TIME}`],
  [`{"v":1,"upstream":"a","at":1,"ok":true,"reporter":"r","durationMs":1e999}`, 'durationMs is Infinity; allowed: a number from 0 to 2^53 - 1'],
])('the value %j is dead, and the reason says why', (text, reason) => {
  expect(reasonOf(Buffer.from(text))).toBe(reason);
});

test.each(['{', 'NaN', '{"v":1,"at":NaN}', "{'v':1}", '{"v":1,}', 'a'.repeat(500), '[[[[[['])('%j is dead as no JSON', (text) => {
  const reason = reasonOf(Buffer.from(text));
  expect(reason).toMatch(/^the value is not JSON: /);
  expect(reason.length).toBeLessThan(160);
});

test('an outcome without an id gets one, and nothing else of it is touched; one with an id stays as it is (L2)', () => {
  const bare = Buffer.from(' { "v":1,"upstream":"a", "at":1,\n"reporter":"é","ok":true,"big":12345678901234567890}');
  expect(Buffer.from(withId(bare, '3@17')).toString()).toBe(' {"id":"3@17", "v":1,"upstream":"a", "at":1,\n"reporter":"é","ok":true,"big":12345678901234567890}');
  expect(decodeEntry(null, withId(bare, '3@17'))).toMatchObject({ outcome: { id: '3@17', upstream: 'a', reporter: 'é' } });
  const named = Buffer.from(JSON.stringify({ ...VALID, id: 'x' }));
  expect(withId(named, '3@17')).toBe(named);
});

test('a tombstone is dead', () => {
  expect(reasonOf(null)).toBe('the value is null (a tombstone); outcomes are never deleted');
});

test('bytes that are no UTF-8 are dead, a replacement character that was sent is not', () => {
  const text = JSON.stringify({ ...VALID, upstream: 'a?b' });
  const bytes = Buffer.from(text);
  bytes[text.indexOf('?')] = 0xff;
  expect(reasonOf(bytes)).toBe('the value is not UTF-8');
  expect(readWith({ upstream: 'a\ufffdb' })).toMatchObject({ outcome: { upstream: 'a\ufffdb' } });
});

test('nesting a million deep, and a value beyond the size bound, are dead without being parsed', () => {
  const deep = Buffer.from(`{"v":1,"x":${'['.repeat(1e6)}${']'.repeat(1e6)}}`);
  expect(reasonOf(deep)).toBe(`the value has ${deep.length} bytes; at most ${ENTRY_BYTES_MAX} are allowed`);
  const within = `{"x":${'['.repeat(32_000)}${']'.repeat(32_000)},${JSON.stringify(VALID).slice(1)}`;
  expect(read(within)).toEqual(readWith({}));
});

test('whatever the bytes, reading gives an entry and never throws', () => {
  const ends = (bytes: Uint8Array) => void expect(decodeEntry(bytes, bytes).kind).toMatch(/^(?:outcome|mark|dead)$/);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), ends));
  fc.assert(fc.property(fc.json({ maxDepth: 4 }), (text) => ends(Buffer.from(text))));
  const odd = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(1, '', -1, 1e300));
  const fields = fc.dictionary(fc.constantFrom(...Object.keys(VALID), 'id', 'count', 'ok', 'failure', 'generation', '__proto__'), odd);
  fc.assert(fc.property(fields, (change) => ends(Buffer.from(JSON.stringify({ ...VALID, ...change, v: 1 })))));
});

test('the bytes may be any view, not only a Buffer of their own', () => {
  const padded = new TextEncoder().encode(`xx${JSON.stringify(VALID)}yy`);
  expect(decodeEntry(null, padded.subarray(2, -2))).toEqual(readWith({}));
});

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FAILURES } from '#engine';
import { decodeEntry, encodeOutcome, ENTRY_BYTES_MAX } from './entry.ts';
import { OutcomeScanner } from './outcome-scan.ts';

const CASES = 6_000;
/** Kept for all cases: what one record leaves behind must mean nothing to the next. */
const scanner = new OutcomeScanner();
const reached = { scanned: 0, left: 0, dead: 0 };

/** The same bytes as they lie in a batch, between others. */
function scan(value: Buffer, around = Buffer.from('"}1,')) {
  return scanner.read(Buffer.concat([around, value, around]), around.length, around.length + value.length);
}

/** What is scanned is what entry.ts reads; what isn't is left to it. */
function isAlike(value: Buffer): boolean {
  const entry = decodeEntry(null, value);
  const scanned = scan(value);
  const left = entry.kind === 'dead' ? 'dead' : 'left';
  reached[scanned === undefined ? left : 'scanned']++;
  return scanned === undefined || isDeepStrictEqual(entry, { kind: 'outcome', outcome: scanned });
}

const text = fc.oneof({ weight: 8, arbitrary: fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme-ascii' }).map((any) => any.toLowerCase().replaceAll(/["\\]/g, '-')) }, fc.string({ maxLength: 12, unit: 'binary' }), fc.constantFrom('a.example', 'b.example:8080', 'U.Example', 'x'.repeat(256), 'x'.repeat(260), 'x'.repeat(1_024)));
const whole = fc.oneof(fc.constantFrom(0, 1, -1, 17, 99, 100, 200, 503, 599, 600, 1_000_000, 1_000_001, 2 ** 53 - 1, 2 ** 53), fc.nat(), fc.maxSafeNat());
const number = fc.oneof(whole, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.double({ min: 0, max: 1e6, noNaN: true }), fc.nat(100_000).map((n) => n / 8));
const odd = fc.constantFrom(null, true, false, '', [], {}, '1', 'false');
const field = (usual: fc.Arbitrary<unknown>) => fc.oneof({ weight: 30, arbitrary: usual }, { weight: 1, arbitrary: odd });

const FIELDS = {
  v: fc.oneof({ weight: 40, arbitrary: fc.constant(1) }, { weight: 1, arbitrary: number }),
  id: field(text),
  upstream: field(text),
  at: field(whole),
  status: field(fc.integer({ min: 99, max: 601 })),
  grpcStatus: field(fc.integer({ min: -1, max: 17 })),
  failure: field(fc.constantFrom(...FAILURES, 'unheard-of')),
  ok: field(fc.constantFrom(true, true, false)),
  durationMs: field(number),
  count: field(fc.oneof(fc.integer({ min: 1, max: 60 }), whole)),
  reporter: field(text),
  incarnation: field(whole),
  generation: field(whole),
  target: field(text),
  attempt: field(fc.oneof(fc.nat(5), number)),
  kind: fc.constantFrom('outcome', 'mark'),
  other: fc.anything(),
};
type Name = keyof typeof FIELDS;

const oneResult = fc.constantFrom<Name>('status', 'status', 'grpcStatus', 'failure', 'ok');
const optional = fc.subarray<Name>(['id', 'durationMs', 'count', 'target', 'attempt']);
const admission = fc.constantFrom<Name[]>([], ['incarnation', 'generation'], ['incarnation', 'generation'], ['generation']);
const extra = fc.oneof({ weight: 6, arbitrary: fc.constant<Name[]>([]) }, { weight: 1, arbitrary: fc.subarray<Name>(['ok', 'failure', 'id', 'kind', 'other', 'upstream']) });
const names = fc
  .tuple(oneResult, optional, admission, extra)
  .map(([result, some, admitted, more]) => ({ all: ['v', 'upstream', 'at', 'reporter', result, ...some, ...admitted] satisfies Name[], more }))
  .chain(({ all, more }) => fc.shuffledSubarray<Name>(all, { minLength: all.length - 1 }).map((chosen) => [...chosen, ...more]));
const separators = fc.constantFrom([':', ','], [':', ','], [': ', ', '], [':  ', ' ,'], [':', ',\n']);

/** Fields in any order, some twice, as producers of all kinds would write them. */
const written = fc.tuple(names, separators).chain(([chosen, [colon, comma]]) =>
  fc.tuple(...chosen.map((name) => FIELDS[name])).map((values) => `{${values.map((value, n) => `"${chosen[n]}"${colon}${JSON.stringify(value) ?? 'null'}`).join(comma)}}`),
);

test('what is scanned of an outcome is what it is read as, and all else is left to the reader, over many kinds of records', () => {
  fc.assert(fc.property(written, (value) => isAlike(Buffer.from(value))), { numRuns: CASES });
  // A generator that made nothing of the kind would show nothing.
  for (const count of Object.values(reached)) expect(count).toBeGreaterThan(CASES / 100);
});

test('a record with some bytes changed, cut or put in is scanned as it is read, or left', () => {
  const edit = fc.record({ at: fc.nat(400), bytes: fc.uint8Array({ maxLength: 3 }), cut: fc.nat(3) });
  const ascii = fc.record({ at: fc.nat(400), bytes: fc.constantFrom(...['"', '\\', ',', '}', '{', ':', ' ', '0', '-', 'e5', '.', '"v":1,', '1', 'A', '\u007f'].map((each) => new Uint8Array(Buffer.from(each)))), cut: fc.nat(1) });
  const edits = fc.array(fc.oneof(ascii, edit), { minLength: 1, maxLength: 3 });
  const edited = fc.tuple(written, edits).map(([value, each]) => each.reduce((bytes, { at, bytes: put, cut }) => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]), Buffer.from(value)));
  expect(() => fc.assert(fc.property(edited, isAlike), { numRuns: CASES })).not.toThrow();
});

test('what a proxy writes is scanned, and not left', () => {
  const usual = { upstream: 'payments.example:8443', atMs: 1_790_000_000_123, reporter: 'proxy-a-4f7c', id: 'proxy-a/01J8ZQ', count: 1, admitted: { incarnation: 1, generation: 30 }, target: '10.0.0.1:8443', attempt: 1 };
  const results = [{ kind: 'status', code: 200 }, { kind: 'grpc', code: 14 }, ...FAILURES.map((failure) => ({ kind: 'failure', failure }) as const), { kind: 'ok' }] as const;
  for (const result of results) {
    for (const durationMs of [0, 3, 1.875, 30 / 7, 100.1 - 96.6, 1e-7]) {
      const outcome = { ...usual, result, durationMs };
      expect(scan(Buffer.from(encodeOutcome(outcome)))).toStrictEqual(durationMs === 1e-7 ? undefined : outcome);
    }
  }
});

test('a value that ends within what lies behind it is left, and so is one that is too long', () => {
  const value = Buffer.from(encodeOutcome({ upstream: 'a.example', atMs: 1, reporter: 'r', result: { kind: 'ok' }, count: 1 }));
  for (let cut = 1; cut < value.length; cut++) expect(scanner.read(value, 0, value.length - cut)).toBeUndefined();
  expect(scanner.read(value, 0, value.length)).toBeDefined();
  expect(scanner.read(value, 0, ENTRY_BYTES_MAX + 1)).toBeUndefined();
});

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canTrip, type Snapshot } from '#engine';
import { Fields } from './fields.ts';
import { encodeSnapshot, readSnapshot } from './snapshot.ts';
import { scanQuiet, scanSnapshot } from './snapshot-scan.ts';

const CASES = 6_000;
const reached = { scanned: 0, left: 0, refused: 0 };

/** The same bytes as they lie in an answer, between others. */
function amongOthers(value: Uint8Array): Uint8Array {
  const around = Buffer.from('"}1,');
  return Buffer.concat([around, value, around]).subarray(around.length, around.length + value.length);
}

function scan(value: Uint8Array): Snapshot | undefined {
  return scanSnapshot(amongOthers(value));
}

/** Which of what is read a quiet one has; undefined: it isn't quiet. */
function quietOf(snapshot: Snapshot | undefined): unknown {
  if (snapshot === undefined || snapshot.state !== 'closed' || snapshot.untilMs !== undefined) return undefined;
  const { upstream, incarnation, generation, next } = snapshot;
  return { upstream, incarnation, generation, next, canTrip: canTrip(snapshot) };
}

function scannedQuiet(value: Uint8Array): unknown {
  const scanned = scanQuiet(amongOthers(value));
  if (scanned === undefined) return undefined;
  const { memory, nameFrom, nameTo, ...rest } = scanned;
  return { upstream: Buffer.from(memory.subarray(nameFrom, nameTo)).toString('latin1'), ...rest };
}

/** What is scanned is what is read as JSON; what isn't is left to that. Of what is scanned and quiet the same can be had without a snapshot. */
function isAlike(value: Uint8Array): boolean {
  const [scanned, read] = [scan(value), asJson(value)];
  reached[scanned === undefined ? (read === undefined ? 'refused' : 'left') : 'scanned']++;
  const isQuietAlike = isDeepStrictEqual(scannedQuiet(value), quietOf(scanned));
  return isQuietAlike && (scanned === undefined || isDeepStrictEqual(scanned, read));
}

/** Undefined: it is refused. */
function asJson(value: Uint8Array): Snapshot | undefined {
  try {
    return readSnapshot(Fields.of('a snapshot', value));
  } catch {
    return undefined;
  }
}

const plain = fc.string({ maxLength: 30, unit: 'grapheme-ascii' }).map((any) => any.replaceAll(/["\\]/g, '-'));
const text = fc.oneof({ weight: 20, arbitrary: plain }, { weight: 1, arbitrary: fc.string({ maxLength: 12, unit: 'binary' }) });
const counter = fc.oneof({ weight: 20, arbitrary: fc.nat() }, { weight: 10, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.maxSafeNat() });
const timeMs = fc.oneof({ weight: 20, arbitrary: fc.integer({ min: 0, max: 4_102_444_800_000 }) }, { weight: 1, arbitrary: fc.integer({ min: -8_640_000_000_000_000, max: 8_640_000_000_000_000 }) });
const decided = fc.oneof({ weight: 20, arbitrary: fc.constantFrom({ state: 'closed', admit: 1 }, { state: 'open', admit: 0 }) }, { weight: 1, arbitrary: fc.constantFrom({ state: 'open', admit: 1 }, { state: 'closed', admit: 0.25 }) });
const names = { name: text, namespace: text, version: text };
const policy = fc.oneof(fc.record(names), fc.record({ ...names, enforced: fc.constant(false) }));
const counts = { total: counter, errors: counter, slow: counter };
const window = fc.oneof({ weight: 9, arbitrary: fc.record({ startedAtMs: timeMs, ...counts }) }, { weight: 9, arbitrary: fc.constant({ total: 0, errors: 0, slow: 0 }) }, { weight: 1, arbitrary: fc.record(counts) });
const override = fc.record({ author: text, reason: text, controlOffset: counter });
const seldom = fc.oneof({ weight: 15, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.record({ override }) });
const often = fc.record({ untilMs: timeMs, policy }, { requiredKeys: [] });
const always = fc.record({ upstream: text, incarnation: counter, next: counter, generation: counter, sinceMs: timeMs, window });
const written = fc.tuple(always, decided, often, seldom).map((parts) => Buffer.from(encodeSnapshot(Object.assign({}, ...parts) as Snapshot)));

test('what is scanned of a snapshot is what it is read as, and all else is left to the reader of JSON', () => {
  fc.assert(fc.property(written, isAlike), { numRuns: CASES });
  expect(reached.scanned).toBeGreaterThan(CASES / 4);
  expect(reached.left).toBeGreaterThan(CASES / 100);
});

test('a snapshot with some bytes changed, cut or put in is scanned as it is read, or left', () => {
  const words = ['"', '\\', ',', '}', '{', ':', ' ', '0', '-', 'e5', '.', '1', 'true', '"v":2,', '13', '29', '30', '31', '60', 'T24', '\u007f'].map((each) => new Uint8Array(Buffer.from(each)));
  const edit = fc.record({ at: fc.nat(400), bytes: fc.oneof(fc.constantFrom(...words), fc.uint8Array({ maxLength: 3 })), cut: fc.nat(3) });
  const edited = fc.tuple(written, fc.array(edit, { minLength: 1, maxLength: 3 })).map(([value, edits]) => edits.reduce((bytes, { at, bytes: put, cut }) => Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + cut)]), value));
  fc.assert(fc.property(edited, isAlike), { numRuns: CASES });
  expect(reached.refused).toBeGreaterThan(CASES / 10);
});

test('a time of a day or an hour that there is not is left', () => {
  const at = (since: string): Buffer => Buffer.from(`{"v":1,"upstream":"a","state":"closed","admit":1,"incarnation":1,"generation":1,"next":1,"since":"${since}","window":{"total":0,"errors":0,"slow":0}}`);
  for (const real of ['2024-02-29T23:59:59.999Z', '1970-01-01T00:00:00.000Z', '2026-12-31T10:00:00.000Z']) expect(scan(at(real))).toStrictEqual(asJson(at(real)));
  for (const odd of ['2026-02-29T00:00:00.000Z', '2026-04-31T00:00:00.000Z', '2026-00-10T00:00:00.000Z', '2026-13-10T00:00:00.000Z', '2026-01-00T00:00:00.000Z', '2026-01-01T24:00:00.000Z', '1969-12-31T00:00:00.000Z', '0099-01-01T00:00:00.000Z', '2026-01-01 00:00:00.000Z', '2026-01-01T00:00:00.00+Z']) {
    expect(scan(at(odd))).toBeUndefined();
  }
});

test('what an ingest writes is scanned, and not left; a value that ends too early is left', () => {
  const base = { upstream: 'payments.example:8443', incarnation: 2, next: 1_234_567, generation: 31, sinceMs: 1_790_000_000_123 };
  const identity = { name: 'payments', namespace: 'shop', version: '0123456789ab' };
  const usual: Snapshot[] = [
    { ...base, state: 'closed', admit: 1, window: { total: 0, errors: 0, slow: 0 }, policy: identity },
    { ...base, state: 'closed', admit: 1, window: { startedAtMs: 1_790_000_001_000, total: 12, errors: 3, slow: 0 }, policy: { ...identity, enforced: false } },
    { ...base, state: 'open', admit: 0, untilMs: 1_790_000_030_123, window: { startedAtMs: 1_790_000_001_000, total: 100, errors: 10, slow: 0 }, policy: identity },
    { ...base, state: 'closed', admit: 1, window: { total: 0, errors: 0, slow: 0 } },
  ];
  for (const snapshot of usual) {
    const value = encodeSnapshot(snapshot);
    expect(scan(value)).toStrictEqual(snapshot);
    for (let cut = 1; cut < value.length; cut++) expect(scan(value.subarray(0, value.length - cut))).toBeUndefined();
  }
});

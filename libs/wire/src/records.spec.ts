/** Snapshots and transitions: what is written is read back, and what is not ours is refused by name. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Cause, Snapshot, Transition, WindowCounts } from '#engine';
import { UnreadableRecord } from './fields.ts';
import { decodeSnapshot, encodeSnapshot } from './snapshot.ts';
import { decodeTransition, encodeTransition } from './transition.ts';

const timeMs = fc.integer({ min: 0, max: 4_102_444_800_000 });
const counter = fc.maxSafeNat();
const text = fc.string({ maxLength: 40 });
const partial = { noNullPrototype: true } as const;

const window: fc.Arbitrary<WindowCounts> = fc.record(
  { startedAtMs: timeMs, total: counter, errors: counter, slow: counter },
  { ...partial, requiredKeys: ['total', 'errors', 'slow'] },
);
const policy = fc.record({ name: text, namespace: text, version: text, enforced: fc.constant(false) }, { ...partial, requiredKeys: ['name', 'namespace', 'version'] });
const state = fc.constantFrom('closed' as const, 'open' as const);

const snapshot = fc.record(
  {
    upstream: text,
    incarnation: counter,
    next: counter,
    generation: counter,
    state,
    admit: fc.double({ min: 0, max: 1, noNaN: true }).map((share) => share + 0),
    sinceMs: timeMs,
    untilMs: timeMs,
    override: fc.record({ author: text, reason: text, controlOffset: counter }, partial),
    window,
    policy,
  },
  { ...partial, requiredKeys: ['upstream', 'incarnation', 'next', 'generation', 'state', 'admit', 'sinceMs', 'window'] },
) as fc.Arbitrary<Snapshot>;

const cause = fc.oneof(
  fc.record(
    { kind: fc.constant('outcome'), partition: counter, offset: counter, id: text },
    { ...partial, requiredKeys: ['kind', 'partition', 'offset'] },
  ),
  fc.record({ kind: fc.constant('deadline') }, partial),
  fc.record({ kind: fc.constantFrom('override', 'policy'), author: text, controlOffset: counter }, partial),
) as fc.Arbitrary<Cause>;

const transition = fc.record(
  {
    upstream: text,
    incarnation: counter,
    generation: counter,
    from: state,
    to: state,
    atMs: timeMs,
    reason: text,
    cause,
    window,
    policy,
    openUntilMs: timeMs,
  },
  { ...partial, requiredKeys: ['upstream', 'incarnation', 'generation', 'from', 'to', 'atMs', 'reason', 'cause', 'window'] },
) as fc.Arbitrary<Transition>;

const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const objectOf = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString()) as Record<string, unknown>;

test('a snapshot is read back as it was written', () => {
  fc.assert(fc.property(snapshot, (written) => void expect(decodeSnapshot(encodeSnapshot(written))).toStrictEqual(written)));
});

test('a transition is read back as it was written', () => {
  fc.assert(fc.property(transition, (written) => void expect(decodeTransition(encodeTransition(written))).toStrictEqual(written)));
});

const OPEN: Snapshot = {
  upstream: 'a.b',
  incarnation: 1,
  next: 101,
  generation: 2,
  state: 'open',
  admit: 0,
  sinceMs: 1_790_000_000_123,
  untilMs: 1_790_000_030_123,
  window: { startedAtMs: 1_790_000_000_000, total: 100, errors: 10, slow: 0 },
  policy: { name: 'p', namespace: 'n', version: '0123456789ab' },
};

test('a stored snapshot says state, window and times in words that a person reads', () => {
  expect(objectOf(encodeSnapshot(OPEN))).toStrictEqual({
    v: 1,
    upstream: 'a.b',
    state: 'open',
    admit: 0,
    incarnation: 1,
    generation: 2,
    next: 101,
    since: '2026-09-21T14:13:20.123Z',
    until: '2026-09-21T14:13:50.123Z',
    window: { startedAt: '2026-09-21T14:13:20.000Z', total: 100, errors: 10, slow: 0 },
    policy: { name: 'p', namespace: 'n', version: '0123456789ab' },
  });
});

test('fields that a newer version added to a snapshot are passed over', () => {
  expect(decodeSnapshot(bytesOf({ ...objectOf(encodeSnapshot(OPEN)), ramp: { step: 3 } }))).toStrictEqual(OPEN);
});

test.each([
  [{ v: 2 }, 'a snapshot: version 2 is not known here, 1 is'],
  [{ v: undefined }, 'a snapshot: version missing is not known here, 1 is'],
  [{ state: 'ajar' }, 'a snapshot: state is "ajar"; allowed: closed, open'],
  [{ admit: 2 }, 'a snapshot: admit is 2; allowed: 0 to 1'],
  [{ since: 'yesterday' }, 'a snapshot: since is "yesterday"; allowed: a time such as 2026-09-21T14:13:20.123Z'],
  [{ next: -1 }, 'a snapshot: next is -1; allowed: a whole number from 0'],
  [{ window: { total: 1, errors: '0', slow: 0 } }, 'a snapshot: window.errors is "0"; allowed: a whole number from 0'],
  [{ window: [] }, 'a snapshot: window is an array; allowed: an object'],
  [{ upstream: null }, 'a snapshot: upstream is null; allowed: a string'],
])('a snapshot with %j is refused with the field and what is allowed', (change, message) => {
  const bytes = bytesOf({ ...objectOf(encodeSnapshot(OPEN)), ...change });
  expect(() => decodeSnapshot(bytes)).toThrow(new UnreadableRecord(message));
});

test('a transition of another kind or version, or no JSON at all, is refused', () => {
  expect(() => decodeTransition(bytesOf({ v: 1, kind: 'mark' }))).toThrow('a transition: kind is "mark"; allowed: transition');
  expect(() => decodeTransition(bytesOf({ v: 3, kind: 'transition' }))).toThrow('a transition: version 3 is not known here, 1 is');
  expect(() => decodeTransition(bytesOf([]))).toThrow('a transition: the value is an array; allowed: a JSON object');
  expect(() => decodeTransition(Buffer.from('{"v":1,'))).toThrow('a transition: the value is not JSON: ');
});

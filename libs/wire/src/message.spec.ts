import { loadSync } from '@grpc/proto-loader';
import { expect, test } from 'vitest';
import type { Snapshot, Transition } from '#engine';
import { breakerMessage, transitionMessage } from './message.ts';
import { PROTO_FILES, protoDir } from './proto.ts';

const OPTIONS = { keepCase: true, longs: Number, enums: String, oneofs: true, includeDirs: [protoDir()] };

interface MessageType {
  readonly serialize: (value: object) => Buffer;
  readonly deserialize: (bytes: Buffer) => object;
}
type Service = Readonly<Record<string, { readonly path: string; readonly responseStream: boolean; readonly responseSerialize: MessageType['serialize']; readonly responseDeserialize: MessageType['deserialize'] }>>;

const definition = loadSync([...PROTO_FILES], OPTIONS);
const breakers = definition['fuseboard.v1.BreakerService'] as unknown as Service;
const control = definition['fuseboard.v1.ControlService'] as unknown as Service;

function overTheWire(method: string, message: object): object {
  const rpc = breakers[method];
  if (rpc === undefined) throw new Error(method);
  return rpc.responseDeserialize(rpc.responseSerialize(message));
}

const OPEN: Snapshot = {
  upstream: 'api.shop',
  incarnation: 1,
  next: 2 ** 40,
  generation: 3,
  state: 'open',
  admit: 0,
  sinceMs: 1_790_000_000_123,
  untilMs: 1_790_000_030_123,
  override: { author: 'ann', reason: 'deploy', controlOffset: 4 },
  window: { total: 0, errors: 0, slow: 0 },
  policy: { name: 'p', namespace: 'shop', version: '0123456789ab' },
};
const COUNTING: Snapshot = {
  upstream: 'api.shop',
  incarnation: 1,
  next: 9,
  generation: 4,
  state: 'closed',
  admit: 1,
  sinceMs: 1_790_000_000_000,
  window: { startedAtMs: 1_790_000_001_000, total: 2 ** 33, errors: 7, slow: 1 },
};
const at = (nowMs: number) => ({ partition: 5, nowMs, statTimeWindowMs: 60_000 });

test('the services have the methods that INTERFACES names, and only the watch is a stream', () => {
  expect(Object.entries(breakers).map(([name, rpc]) => [name, rpc.path, rpc.responseStream])).toEqual([
    ['GetBreaker', '/fuseboard.v1.BreakerService/GetBreaker', false],
    ['ListBreakers', '/fuseboard.v1.BreakerService/ListBreakers', false],
    ['WatchBreakers', '/fuseboard.v1.BreakerService/WatchBreakers', true],
    ['ListTransitions', '/fuseboard.v1.BreakerService/ListTransitions', false],
  ]);
  expect(Object.keys(control)).toEqual(['ApplyPolicy', 'DeletePolicy', 'ListPolicies', 'ForceOpen', 'ForceClosed', 'ClearOverride']);
});

test('each .proto file is found by itself', () => {
  for (const file of PROTO_FILES) expect(Object.keys(loadSync(file, OPTIONS))).not.toEqual([]);
});

test('a breaker arrives with every field', () => {
  expect(overTheWire('GetBreaker', breakerMessage(OPEN, at(1_790_000_000_500)))).toEqual({
    upstream: 'api.shop',
    state: 'STATE_OPEN',
    admit: 0,
    incarnation: 1,
    generation: 3,
    since: { seconds: 1_790_000_000, nanos: 123_000_000 },
    open_until: { seconds: 1_790_000_030, nanos: 123_000_000 },
    window: { total: 0, errors: 0, slow: 0 },
    policy: { name: 'p', namespace: 'shop', version: '0123456789ab' },
    override: { author: 'ann', reason: 'deploy', control_offset: 4, until: { seconds: 1_790_000_030, nanos: 123_000_000 } },
    position: { partition: 5, next_offset: 2 ** 40 },
  });
});

test('C4: a policy that is not enforced says so, and one that is leaves it out', () => {
  const held = { ...OPEN, admit: 1, policy: { name: 'p', namespace: 'shop', version: '0123456789ab', enforced: false } } as const;
  expect(overTheWire('GetBreaker', breakerMessage(held, at(1_790_000_000_500)))).toMatchObject({ state: 'STATE_OPEN', admit: 1, policy: { enforced: false } });
  expect(overTheWire('GetBreaker', breakerMessage(OPEN, at(1_790_000_000_500)))).not.toHaveProperty('policy.enforced');
});

test('a watch gives breakers as they are got', () => {
  const message = breakerMessage(COUNTING, at(0));
  expect(overTheWire('WatchBreakers', message)).toEqual(overTheWire('GetBreaker', message));
  expect(overTheWire('WatchBreakers', message)).toMatchObject({ upstream: 'api.shop', state: 'STATE_CLOSED', admit: 1 });
});

test('T4, T5: a lease that is over is shown closed, a generation later, from its end on, without override', () => {
  expect(breakerMessage(OPEN, at(1_790_000_030_123))).toStrictEqual({
    upstream: 'api.shop',
    state: 'STATE_CLOSED',
    admit: 1,
    incarnation: 1,
    generation: 4,
    since: { seconds: 1_790_000_030, nanos: 123_000_000 },
    window: { total: 0, errors: 0, slow: 0 },
    policy: { name: 'p', namespace: 'shop', version: '0123456789ab' },
    position: { partition: 5, next_offset: 2 ** 40 },
  });
  expect(breakerMessage(OPEN, at(1_790_000_030_122))).toMatchObject({ state: 'STATE_OPEN', generation: 3 });
});

test('a state forced closed has its end at the override, not as open_until', () => {
  const { state: _state, ...rest } = OPEN;
  const message = breakerMessage({ ...rest, state: 'closed', admit: 1 }, at(1_790_000_000_500));
  expect(message).not.toHaveProperty('open_until');
  expect(message.override?.until).toEqual({ seconds: 1_790_000_030, nanos: 123_000_000 });
});

test('T3: a window is shown up to its end, then as zeros; counts stop at what uint32 holds', () => {
  expect(breakerMessage(COUNTING, at(1_790_000_060_999)).window).toStrictEqual({
    started_at: { seconds: 1_790_000_001, nanos: 0 },
    total: 4_294_967_295,
    errors: 7,
    slow: 1,
  });
  expect(breakerMessage(COUNTING, at(1_790_000_061_000)).window).toStrictEqual({ total: 0, errors: 0, slow: 0 });
  expect(breakerMessage(COUNTING, { partition: 0, nowMs: Number.MAX_SAFE_INTEGER }).window).toMatchObject({ errors: 7 });
});

const TRANSITION: Transition = {
  upstream: 'api.shop',
  incarnation: 1,
  generation: 3,
  from: 'closed',
  to: 'open',
  atMs: 1_790_000_000_123,
  reason: '100 errors in 30s',
  cause: { kind: 'outcome', partition: 5, offset: 77, id: 'r/1' },
  window: { startedAtMs: 1_790_000_000_000, total: 500, errors: 100, slow: 0 },
  policy: { name: 'p', namespace: 'shop', version: '0123456789ab' },
  openUntilMs: 1_790_000_030_123,
};

test('a transition arrives with every field', () => {
  expect(overTheWire('ListTransitions', { transitions: [transitionMessage(TRANSITION)] })).toEqual({
    transitions: [
      {
        upstream: 'api.shop',
        incarnation: 1,
        generation: 3,
        from: 'STATE_CLOSED',
        to: 'STATE_OPEN',
        at: { seconds: 1_790_000_000, nanos: 123_000_000 },
        reason: '100 errors in 30s',
        cause: { kind: 'outcome', outcome: { partition: 5, offset: 77, id: 'r/1' } },
        window: { started_at: { seconds: 1_790_000_000, nanos: 0 }, total: 500, errors: 100, slow: 0 },
        policy: { name: 'p', namespace: 'shop', version: '0123456789ab' },
        open_until: { seconds: 1_790_000_030, nanos: 123_000_000 },
      },
    ],
  });
});

test.each([
  [{ kind: 'deadline' }, { kind: 'deadline', deadline: {} }],
  [{ kind: 'override', author: 'ann', controlOffset: 4 }, { kind: 'override', override: { author: 'ann', control_offset: 4 } }],
  [{ kind: 'policy', author: 'bob', controlOffset: 5 }, { kind: 'policy', policy: { author: 'bob', control_offset: 5 } }],
] as const)('the cause %j arrives as itself', (cause, arrived) => {
  expect(overTheWire('ListTransitions', { transitions: [transitionMessage({ ...TRANSITION, cause })] })).toMatchObject({ transitions: [{ cause: arrived }] });
});

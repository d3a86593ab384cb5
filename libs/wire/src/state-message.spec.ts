import { loadSync } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import type { PartitionMeta, Snapshot } from '#engine';
import { breakerMessage, type BreakerMessage } from './message.ts';
import { PROTO_FILES, protoDir } from './proto.ts';
import { metaMessage, metaOfMessage, snapshotOfMessage, type FollowMessage } from './state-message.ts';

interface Follow {
  readonly path: string;
  readonly responseStream: boolean;
  readonly responseSerialize: (message: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => FollowMessage;
}

const service = loadSync(PROTO_FILES[2], { keepCase: true, longs: Number, enums: String, defaults: true, includeDirs: [protoDir()] })['fuseboard.v1.StateService'] as unknown as { Follow: Follow };

const overTheWire = (message: object): FollowMessage => service.Follow.responseDeserialize(service.Follow.responseSerialize(message));

const CLOSED: Snapshot = {
  upstream: 'api.shop', incarnation: 2, next: 2 ** 40, generation: 3, state: 'closed', admit: 1, sinceMs: 1_790_000_000_123,
  window: { startedAtMs: 1_790_000_000_500, total: 7, errors: 3, slow: 1 },
};
const policy = { name: 'p', namespace: 'n', version: '0123456789ab' };
const OPEN: Snapshot = { ...CLOSED, state: 'open', admit: 0, untilMs: 1_790_000_030_123, policy, window: { total: 0, errors: 0, slow: 0 } };
const override = { author: 'ann', reason: 'deploy', controlOffset: 4 };

describe('a snapshot arrives as it was, whatever the time', () => {
  it.each([
    ['closed, without policy', CLOSED],
    ['open by a policy that is not enforced', { ...OPEN, admit: 1, policy: { ...policy, enforced: false } } satisfies Snapshot],
    ['tripped', OPEN],
    ['forced open without end', { ...CLOSED, state: 'open', admit: 0, override } satisfies Snapshot],
    ['forced open for a while', { ...OPEN, override } satisfies Snapshot],
    ['forced closed for a while', { ...CLOSED, policy, override, untilMs: 1_790_000_030_000 } satisfies Snapshot],
  ])('%s', (_, snapshot) => {
    const sent = { partitions: [{ partition: 5, age_ms: 0, breakers: [breakerMessage(snapshot, { partition: 5, nowMs: 0 })], more: false }] };
    const [state] = overTheWire(sent).partitions ?? [];
    expect(snapshotOfMessage(state?.breakers?.[0] as BreakerMessage)).toEqual(snapshot);
  });
});

it.each<[string, PartitionMeta]>([
  ['trusted', { incarnation: 1, next: 2 ** 40, clockMs: 1_790_000_000_123, control: -1, sequence: 9 }],
  ['being restored', { incarnation: 1, next: 0, clockMs: 0, control: 3, sequence: 9, restoringTo: 7, log: 'a1', engine: 2 }],
])('meta arrives as it was: %s', (_, meta) => {
  const [state] = overTheWire({ partitions: [{ partition: 0, age_ms: 1, meta: metaMessage(meta), more: false }] }).partitions ?? [];
  expect(metaOfMessage(state?.meta as Parameters<typeof metaOfMessage>[0])).toEqual(meta);
  expect(overTheWire({ partitions: [{ partition: 0, age_ms: 1, more: true }] }).partitions).toMatchObject([{ meta: null, more: true }]);
});

it('Follow is a stream', () => {
  expect([service.Follow.path, service.Follow.responseStream]).toEqual(['/fuseboard.v1.StateService/Follow', true]);
});

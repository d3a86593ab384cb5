/**
 * The messages of state.proto: plain objects with the proto's own field names, for @grpc/proto-loader with `keepCase`,
 * `longs: Number` and `enums: String`. A snapshot goes as the Breaker that it is, not as of anybody's clock.
 */
import type { PartitionMeta, PolicyIdentity, Snapshot, WindowCounts } from '#engine';
import { given } from './fields.ts';
import { timeOfMessage, type BreakerMessage, type PolicyMessage, type TimestampMessage, type WindowMessage } from './message.ts';

export interface FollowMessage {
  readonly fleet?: { readonly partitions: number; readonly topic_prefix: string } | null;
  readonly partitions?: readonly PartitionStateMessage[];
  readonly documents?: DocumentChangesMessage | null;
}

export interface PartitionStateMessage {
  readonly partition: number;
  readonly meta?: PartitionMetaMessage | null;
  readonly age_ms: number;
  readonly breakers?: readonly BreakerMessage[];
  readonly more: boolean;
}

export interface PartitionMetaMessage {
  readonly incarnation: number;
  readonly next: number;
  readonly clock_ms: number;
  readonly control: number;
  readonly sequence: number;
  readonly restoring_to?: number;
  readonly log?: string;
  readonly engine?: number;
}

export interface DocumentChangesMessage {
  /** '': none. */
  readonly identity: string;
  readonly control: number;
  readonly changed?: readonly { readonly key: string; readonly body: string }[];
  readonly gone?: readonly string[];
  readonly more: boolean;
}

export interface StoreTimeMessage {
  readonly known?: { readonly earliest: TimestampMessage; readonly latest: TimestampMessage } | null;
}

export function metaMessage({ incarnation, next, clockMs, control, sequence, restoringTo, log, engine }: PartitionMeta): PartitionMetaMessage {
  return { incarnation, next, clock_ms: clockMs, control, sequence, ...given('restoring_to', restoringTo), ...given('log', log), ...given('engine', engine) };
}

export function metaOfMessage({ incarnation, next, clock_ms: clockMs, control, sequence, ...rest }: PartitionMetaMessage): PartitionMeta {
  // Proto-loader gives a synthetic oneof's name beside it: only the field itself counts.
  return { incarnation, next, clockMs, control, sequence, ...given('restoringTo', rest.restoring_to), ...given('log', rest.log), ...given('engine', rest.engine) };
}

/** The inverse of `breakerMessage` with a clock at which nothing has ended; counts beyond 32 bits are cut off there. */
export function snapshotOfMessage(breaker: BreakerMessage): Snapshot {
  const { override, policy, open_until: openUntil, window } = breaker;
  const until = openUntil ?? override?.until;
  return {
    upstream: breaker.upstream,
    incarnation: breaker.incarnation,
    next: breaker.position.next_offset,
    generation: breaker.generation,
    state: breaker.state === 'STATE_OPEN' ? 'open' : 'closed',
    admit: breaker.admit,
    sinceMs: timeOfMessage(breaker.since),
    ...given('untilMs', until ? timeOfMessage(until) : undefined),
    ...given('override', override ? { author: override.author, reason: override.reason, controlOffset: override.control_offset } : undefined),
    window: windowOf(window),
    ...given('policy', policy ? identityOf(policy) : undefined),
  };
}

function identityOf({ name, namespace, version, enforced }: PolicyMessage): PolicyIdentity {
  return { name, namespace, version, ...given('enforced', enforced === false ? enforced : undefined) };
}

/** T3: absent fields are zeros. */
function windowOf({ started_at: startedAt, total, errors, slow }: WindowMessage): WindowCounts {
  return { ...given('startedAtMs', startedAt ? timeOfMessage(startedAt) : undefined), total, errors, slow };
}

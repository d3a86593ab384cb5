/** What a proxy knows of upstreams that are not dormant (dormant.ts), and of partitions; how it comes to be and what is made of it, state-cache.ts has. */
import type { Admit, Decision } from './decision.ts';
import type { LocalBreakers } from './local-breakers.ts';
import type { Admission } from './outcome.ts';
import type { OwnOutcomes } from './own-outcomes.ts';
import type { PartitionMeta } from './ports.ts';
import type { Heard, Seen } from './seen.ts';
import type { SharedPolicy } from './shared-policies.ts';
import { isNewer } from './snapshot.ts';

/** Nothing is known and nothing judged, so nothing is refused and nothing stamped (G3). */
export const UNKNOWN: Admit = Object.freeze({ kind: 'admit' });

/** What is known of one upstream, and what follows from it. It has a policy, or a state, or both. */
export interface Known {
  readonly upstream: string;
  readonly partition: Partition;
  /** Undefined: it has none. */
  policy: SharedPolicy | undefined;
  /** Of the document that has it; empty: there is none. */
  name: string;
  namespace: string;
  shared: Seen | undefined;
  /** V1: of the snapshot that `shared` is of. */
  next: number;
  /** By this proxy alone (V4); undefined: as it began, closed. */
  local: Seen | undefined;
  /** V7; undefined: none was counted yet. */
  own: OwnOutcomes | undefined;
  /** V7: the stamp whose outcomes are counted; undefined: none are, in this state or by this policy. */
  countsUnder: Admission | undefined;
  decision: Decision;
  /** By the monotonic clock: until then the decision holds; undefined: until something is heard. */
  untilMonotonicMs: number | undefined;
}

/** The decision of all whose state has no end, who have this state and this policy, and are in one partition. */
export interface Steady extends Pick<Known, 'shared' | 'policy' | 'decision' | 'countsUnder'> {}

export interface Partition {
  meta: PartitionMeta | undefined;
  /** By the monotonic clock; -Infinity: never. */
  heardMs: number;
  /** Of a store that is being restored; by upstream, the newest. */
  readonly heldBack: Map<string, Heard>;
  /** All that is known of it and isn't dormant. */
  members: Known[];
  /** Those in it whose state has an end. */
  readonly leased: Set<Known>;
  /** Made last, by the judgement and the documents there are: most upstreams are decided alike. */
  steady: Steady | undefined;
  /** V4: while it is unknown or old. */
  local: LocalBreakers | undefined;
}

export function isWhole(meta: PartitionMeta | undefined): boolean {
  return meta !== undefined && meta.restoringTo === undefined;
}

/** What has neither is not known any more. */
export function isOfUse({ policy, shared }: Known): boolean {
  return policy !== undefined || shared !== undefined;
}

export function holdBack(heard: Heard, { heldBack }: Partition): void {
  const before = heldBack.get(heard.upstream);
  if (before === undefined || isNewer(heard, before)) heldBack.set(heard.upstream, heard);
}

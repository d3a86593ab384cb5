/**
 * The names of everything that Fuseboard keeps in Redis (docs/redis.md). All keys of a partition carry one hash tag, its
 * number, so that a commit's keys lie in one slot of a Cluster.
 */
export interface PartitionKeys {
  /** Hash: how far the partition is. */
  readonly meta: string;
  /** Hash: upstream → snapshot as JSON. */
  readonly snapshots: string;
  /** List: ids seen, in chunks (id-chunks.ts). */
  readonly ids: string;
  /** Hash: identity of a transition → where it stands among the others, and the transition as JSON. */
  readonly outbox: string;
  /** Hash: consumer group → newest epoch. */
  readonly epochs: string;
  /** Channel: each commit's changes (change.ts). */
  readonly changes: string;
}

export function partitionKeys(prefix: string, partition: number): PartitionKeys {
  const of = (name: string): string => `${prefix}{${partition}}:${name}`;
  return { meta: of('meta'), snapshots: of('snapshots'), ids: of('ids'), outbox: of('outbox'), epochs: of('epochs'), changes: of('changes') };
}

export interface DocumentKeys {
  /** Hash: which documents these are. */
  readonly meta: string;
  /** Hash: KIND/NAMESPACE/NAME → the document as its operator wrote it, as JSON. */
  readonly bodies: string;
  /** Hash: number of a pack → those documents that fall into it, as proxies read them (document-packs.ts). */
  readonly packs: string;
  /** Channel: that they are others now. */
  readonly changes: string;
}

export function documentKeys(prefix: string): DocumentKeys {
  const of = (name: string): string => `${prefix}{documents}:${name}`;
  return { meta: of('meta'), bodies: of('bodies'), packs: of('packs'), changes: of('changes') };
}

/** Hash: roles and instance of a process → when it was heard of, and its heartbeat as JSON. */
export function presenceHash(prefix: string): string {
  return `${prefix}{processes}:heartbeats`;
}

/** What an ACL needs for it. */
export function presencePattern(prefix: string): string {
  return `%W~${prefix}{processes}:*`;
}

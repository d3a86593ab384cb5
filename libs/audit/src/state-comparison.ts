/** What a store keeps of a partition against what the fold made of its log. */
import type { Kept, OutboxEntry, PartitionFold, PartitionMeta, RememberedId, Snapshot } from '#engine';
import { fieldsApart, type Differences } from './difference.ts';

export interface StateComparison {
  readonly fold: PartitionFold;
  readonly kept: Kept & { readonly meta: PartitionMeta };
  /** By upstream, in order. */
  readonly made: ReadonlyMap<string, readonly OutboxEntry[]>;
  readonly isAsked: (upstream: string) => boolean;
}

/** Gives how many upstreams were compared. */
export function compareState({ fold, kept, made, isAsked }: StateComparison, differences: Differences): number {
  comparePosition(fold, kept.meta, differences);
  compareIds(fold.idsSince(0), kept.ids, differences);
  const stored = new Map(kept.snapshots.map((snapshot) => [snapshot.upstream, snapshot]));
  const folded = new Map(fold.snapshots().map((snapshot) => [snapshot.upstream, snapshot]));
  const upstreams = [...new Set([...stored.keys(), ...folded.keys()])].filter(isAsked).toSorted();
  for (const upstream of upstreams) {
    const [store, log] = [stored.get(upstream), folded.get(upstream)];
    if (store === undefined) differences.add(firstOf(made.get(upstream), log), 'the store has no snapshot of it, the log makes one', upstream);
    else if (log === undefined) differences.add(store.next - 1, 'the store has a snapshot of it, the log makes none', upstream);
    else {
      const apart = fieldsApart(store, log);
      if (apart.length > 0) differences.add(firstApart(store, log, made.get(upstream) ?? []), `snapshot: ${apart.join('; ')}`, upstream);
    }
  }
  return upstreams.length;
}

function comparePosition(fold: PartitionFold, meta: PartitionMeta, differences: Differences): void {
  if (fold.next < meta.next) return differences.add(fold.next, `the store is at ${meta.next}, the log ends at ${fold.next}`);
  const apart = fieldsApart({ clockMs: meta.clockMs, control: meta.control }, { clockMs: fold.clockMs, control: fold.control });
  if (apart.length > 0) differences.add(meta.next - 1, `position: ${apart.join('; ')}`);
}

/** K4. */
function compareIds(folded: readonly RememberedId[], stored: readonly RememberedId[], differences: Differences): void {
  const at = folded.findIndex((id, index) => id.offset !== stored[index]?.offset || id.hash !== stored[index]?.hash);
  if (at === -1 && folded.length === stored.length) return;
  const offsets = [folded[at], stored[at === -1 ? folded.length : at]].flatMap((id) => (id === undefined ? [] : [id.offset]));
  differences.add(Math.min(...offsets), `remembered ids: ${stored.length} in the store, ${folded.length} by the log`);
}

/** The first record that can have made the difference: told by generation, then by version, then by content. */
function firstApart(store: Snapshot, log: Snapshot, made: readonly OutboxEntry[]): number {
  const beyond = made.find(({ transition }) => transition.generation > store.generation);
  return beyond?.offset ?? (store.next === log.next ? log.next - 1 : Math.min(store.next, log.next));
}

function firstOf(made: readonly OutboxEntry[] | undefined, log: Snapshot | undefined): number {
  return made?.[0]?.offset ?? (log?.next ?? 1) - 1;
}

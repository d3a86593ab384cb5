/** What a follower of the states was told; a version that goes back (V1) is a fault. */
import { isNewer, type Snapshot, type StateUpdate } from '#engine';

export class Versions {
  readonly faults: string[] = [];
  readonly newest = new Map<string, Snapshot>();
  /** Times that a partition was told to be unknown. */
  unknown = 0;

  hear({ meta, snapshots }: Pick<StateUpdate, 'meta' | 'snapshots'>): void {
    if (meta === undefined) this.unknown++;
    for (const snapshot of snapshots) this.#see(snapshot);
  }

  #see(snapshot: Snapshot): void {
    const before = this.newest.get(snapshot.upstream);
    if (before !== undefined && isNewer(before, snapshot)) {
      this.faults.push(`${snapshot.upstream} went from ${before.incarnation}/${before.next} to ${snapshot.incarnation}/${snapshot.next}`);
    }
    this.newest.set(snapshot.upstream, snapshot);
  }
}

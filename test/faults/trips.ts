/** Trips of the tripping upstreams, one after the other: each opens by five errors in one record, and closes by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from '#engine';
import { partitionOf } from '#wire';
import type { Ledger } from './ledger.ts';
import { PARTITIONS, TRIP_ERRORS, TRIPPING } from './upstreams.ts';

const LOOK_EACH_MS = 30;

export class Trips {
  readonly #ledger: Ledger;
  readonly #snapshotOf: (upstream: string) => Snapshot | undefined;
  readonly #stopping = new AbortController();
  /** Trips begun, by upstream. */
  readonly begun = new Map(TRIPPING.map((upstream) => [upstream, 0]));
  readonly #each = new Map<string, Promise<void>>();

  constructor(ledger: Ledger, snapshotOf: (upstream: string) => Snapshot | undefined) {
    this.#ledger = ledger;
    this.#snapshotOf = snapshotOf;
  }

  begin(): void {
    for (const upstream of this.begun.keys()) this.#each.set(upstream, this.#run(upstream));
  }

  get total(): number {
    return [...this.begun.values()].reduce((sum, trips) => sum + trips, 0);
  }

  /** No more; settles when the last ones are acknowledged, not when they have closed. */
  async settle(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#each.values());
  }

  /** No more of this partition, and no word of those that were. */
  async forget(partition: number): Promise<void> {
    const upstream = TRIPPING.find((each) => partitionOf(each, PARTITIONS) === partition) as string;
    this.begun.delete(upstream);
    await this.#each.get(upstream);
  }

  async #run(upstream: string): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const [times, before] = [this.begun.get(upstream), this.#snapshotOf(upstream)];
      if (times === undefined) return;
      if (before?.state !== 'closed' || before.policy === undefined || before.generation !== 1 + 2 * times) {
        await sleep(LOOK_EACH_MS);
        continue;
      }
      this.begun.set(upstream, times + 1);
      await this.#ledger.send([{ upstream, status: 503, count: TRIP_ERRORS, counts: false }]);
    }
  }
}

/** Trips of the tripping upstreams, one after the other: each opens by five errors in one record, and closes by itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Snapshot } from '#engine';
import type { Ledger } from './ledger.ts';
import { TRIP_ERRORS, TRIPPING } from './upstreams.ts';

const LOOK_EACH_MS = 30;

export class Trips {
  readonly #ledger: Ledger;
  readonly #snapshotOf: (upstream: string) => Snapshot | undefined;
  readonly #stopping = new AbortController();
  #running: Promise<unknown> | undefined;
  /** Trips begun, by upstream. */
  readonly begun = new Map<string, number>();

  constructor(ledger: Ledger, snapshotOf: (upstream: string) => Snapshot | undefined) {
    this.#ledger = ledger;
    this.#snapshotOf = snapshotOf;
  }

  begin(): void {
    this.#running ??= Promise.all(TRIPPING.map((upstream) => this.#run(upstream)));
  }

  get total(): number {
    return [...this.begun.values()].reduce((sum, trips) => sum + trips, 0);
  }

  /** No more; settles when the last ones are acknowledged, not when they have closed. */
  async settle(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(upstream: string): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const before = this.#snapshotOf(upstream);
      if (before?.state !== 'closed' || before.policy === undefined || before.generation !== 1 + 2 * (this.begun.get(upstream) ?? 0)) {
        await sleep(LOOK_EACH_MS);
        continue;
      }
      this.begun.set(upstream, (this.begun.get(upstream) ?? 0) + 1);
      await this.#ledger.send([{ upstream, status: 503, count: TRIP_ERRORS, counts: false }]);
    }
  }
}

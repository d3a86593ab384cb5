/**
 * States for whoever follows them in this process (V3): all at first, then what each commit changed, and from time to
 * time an empty update that says "still so".
 */
import type { StateFeed, StateUpdate, Stop } from '#engine';
import type { OnError } from '../drivers.ts';
import type { StateTable } from './state-table.ts';

export class EmbeddedStateFeed implements StateFeed {
  readonly #table: StateTable;
  readonly #freshnessMs: number;
  readonly #onError: OnError;
  readonly #followers = new Set<Stop>();

  /** @param freshnessMs how often an update comes though nothing has changed */
  constructor(table: StateTable, { freshnessMs, onError }: { readonly freshnessMs: number; readonly onError: OnError }) {
    this.#table = table;
    this.#freshnessMs = freshnessMs;
    this.#onError = onError;
  }

  async follow(listener: (update: StateUpdate) => void): Promise<Stop> {
    const first = this.#table.readNow();
    // Told before this listener came, a commit may be on its way still: what is known already is not given again,
    // or meta would go back.
    let sequence = first.meta?.sequence ?? 0;
    listener(first);
    const unsubscribe = this.#table.onCommit((update) => {
      const committed = update.meta?.sequence ?? 0;
      if (committed <= sequence) return;
      sequence = committed;
      listener(update);
    });
    const timer = setInterval(() => this.#tellFreshness(listener), this.#freshnessMs);
    timer.unref();
    const stop: Stop = async () => {
      clearInterval(timer);
      this.#followers.delete(stop);
      await unsubscribe();
    };
    this.#followers.add(stop);
    return stop;
  }

  async close(): Promise<void> {
    for (const stop of this.#followers) await stop();
  }

  /** Read from the store each time: what can't be read is not fresh. */
  #tellFreshness(listener: (update: StateUpdate) => void): void {
    try {
      const meta = this.#table.metaNow();
      listener({ partition: 0, ...(meta === undefined ? {} : { meta }), snapshots: [] });
    } catch (error) {
      this.#onError(error, 'telling that states are fresh');
    }
  }
}

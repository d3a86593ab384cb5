/**
 * V3, as a process follows the states: it listens first, then reads meta, then snapshots; each round it compares every
 * partition with what it knows; a change that doesn't follow what is known makes the partition unknown until it is read.
 */
import type { PartitionMeta, StateUpdate, StoreTime } from '#engine';
import type { Chance } from '../support/chance.ts';
import { Unreachable, type Network } from './network.ts';
import type { Process } from './process.ts';
import { isSame } from './same.ts';
import type { Timer } from './scheduler.ts';
import type { Change, SimulatedStore } from './state-store.ts';

export interface SubscriptionOptions {
  readonly process: Process;
  readonly network: Network;
  readonly store: SimulatedStore;
  readonly partitions: number;
  readonly freshnessMs: number;
  readonly chance: Chance;
  readonly storeClockMs: () => number;
  /** This process's own. */
  readonly monotonicMs: () => number;
  readonly listener: (update: StateUpdate) => void;
}

interface View {
  readonly partition: number;
  /** Undefined: not read yet, or not to be trusted any more. */
  known: { readonly meta: PartitionMeta | undefined } | undefined;
  /** While it is being read. */
  waiting: Change[] | undefined;
}

/** Changes that wait while their partition is being read. */
const WAITING_MAX = 8;

export class StateSubscription {
  readonly #options: SubscriptionOptions;
  readonly #views: readonly View[];
  #pause: { timer: Timer; end: () => void } | undefined;
  #isWoken = false;
  #isDeaf = false;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#views = Array.from({ length: options.partitions }, (_, partition) => ({ partition, known: undefined, waiting: undefined }));
  }

  /** For as long as the process lives. */
  async run(): Promise<void> {
    for (;;) {
      this.#isWoken = false;
      try {
        await this.#round();
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
      }
      await this.#rest();
    }
  }

  /** Hears nothing for so long; then everything is read again. */
  goDeaf(ms: number): void {
    this.#isDeaf = true;
    this.#options.process.after(ms, 'subscribes again', () => {
      this.#isDeaf = false;
      for (const view of this.#views) view.known = undefined;
      this.#wake();
    });
  }

  hear(change: Change): void {
    const view = this.#views[change.partition];
    if (view !== undefined && !this.#isDeaf) this.#take(view, change);
  }

  async #round(): Promise<void> {
    const { network, process, store, monotonicMs, storeClockMs } = this.#options;
    const askedMonotonicMs = monotonicMs();
    const read = (): { metas: (PartitionMeta | undefined)[]; atMs: number } => ({ metas: this.#views.map(({ partition }) => store.metaOf(partition)), atMs: storeClockMs() });
    const { metas, atMs } = await network.call(process, { to: 'redis', what: 'compares states', serve: read });
    const storeTime = { atMs, askedMonotonicMs, toldMonotonicMs: monotonicMs() };
    for (const view of this.#views) {
      const meta = metas[view.partition];
      if (view.known === undefined || !isSame(view.known.meta, meta)) await this.#read(view, storeTime);
      else this.#tell(view.partition, { meta, snapshots: [], storeTime });
    }
  }

  /** First meta, then snapshots: these may be newer than it says, never older. */
  async #read(view: View, storeTime: StoreTime): Promise<void> {
    const { network, process, store } = this.#options;
    const { partition } = view;
    view.waiting = [];
    try {
      const meta = await network.call(process, { to: 'redis', what: `reads meta ${partition}`, serve: () => store.metaOf(partition) });
      const all = (): StateUpdate['snapshots'] => [...store.held(partition).snapshots.values()];
      const snapshots = meta === undefined ? [] : await network.call(process, { to: 'redis', what: `reads snapshots ${partition}`, serve: all });
      view.known = { meta };
      this.#tell(partition, { meta, snapshots, storeTime });
    } catch (error) {
      view.known = undefined;
      throw error;
    } finally {
      const { waiting } = view;
      view.waiting = undefined;
      for (const change of waiting) this.#take(view, change);
    }
  }

  #take(view: View, change: Change): void {
    const { known, waiting } = view;
    if (waiting !== undefined) {
      if (waiting.push(change) > WAITING_MAX) waiting.shift();
      return;
    }
    if (known === undefined || isSame(known.meta, change.meta)) return;
    const { after, meta } = change;
    if (known.meta !== undefined && after?.sequence === known.meta.sequence && after.next === known.meta.next && meta.incarnation === known.meta.incarnation) {
      view.known = { meta };
      this.#tell(view.partition, { meta, snapshots: change.snapshots });
    } else {
      view.known = undefined;
      this.#wake();
    }
  }

  #tell(partition: number, { meta, ...rest }: Omit<StateUpdate, 'partition' | 'meta'> & { meta: PartitionMeta | undefined }): void {
    this.#options.listener({ partition, ...(meta === undefined ? {} : { meta }), ...rest });
  }

  #wake(): void {
    this.#isWoken = true;
    this.#pause?.timer.cancel();
    this.#pause?.end();
  }

  async #rest(): Promise<void> {
    const { process, freshnessMs, chance } = this.#options;
    // Even who was woken is not asked again at once: what it asks for may be out of reach.
    const ms = this.#isWoken ? 5 : freshnessMs * (0.9 + chance.below(21) / 100);
    await new Promise<void>((resolve) => {
      this.#pause = { timer: process.after(ms, 'compares anew', resolve), end: resolve };
    });
    this.#pause = undefined;
  }
}

/** An ingest of the simulated fleet: the real pump on simulated ports, fed by a delivery for each partition that its group gives it. */
import { Checkpointer, Pump, type Checkpoint, type ControlDraft, type LogBounds, type OutboxEntry, type OwnerOptions, type OwnerPorts } from '#engine';
import type { LogLook } from '../../libs/drivers/src/kafka/log-watch.ts';
import { Delivery } from './delivery.ts';
import type { Service } from './network.ts';
import type { PartitionLog } from './outcome-topic.ts';
import { Process } from './process.ts';
import { StateSubscription } from './state-subscription.ts';
import type { World } from './world.ts';

/** How long a fetch that finds nothing waits for something, ms. */
const LONG_POLL_MS = 250;
/** An ingest's own clock is off by up to so much, ms. */
const OFF_MAX_MS = 1_000;

export class Ingest {
  readonly process: Process;
  readonly subscription: StateSubscription;
  readonly #world: World;
  readonly #group: string;
  readonly #pump: Pump;
  readonly #deliveries = new Map<number, Delivery>();
  readonly #leaving = new Map<number, Promise<void>>();
  readonly #offMs: number;
  /** The log whose bounds it was given last: what it says of a log, it says of this one. */
  readonly #looked = new Map<number, PartitionLog>();
  /** Of the assignment it was last told of. */
  #generation = -1;

  constructor(world: World, group: string, name: string) {
    this.#world = world;
    this.#group = group;
    this.process = new Process(world.scheduler, name);
    this.#offMs = world.chance.below(2 * OFF_MAX_MS + 1) - OFF_MAX_MS;
    const { profile } = world;
    const isStandby = group !== 'a' && profile.isStandbyIdle;
    const options: OwnerOptions = {
      group,
      isStandby,
      owns: (upstream, partition) => world.partitionOf(upstream) === partition,
      newId: () => `${name}-${world.nextNumber()}`,
      lateAfterMs: profile.lateAfterMs,
      idsMax: profile.idsMax,
      actorsMax: profile.actorsMax,
      areQuietCommitsDeferred: profile.areQuietCommitsDeferred,
      observer: {
        folded: (partition, { transitions }) => this.#made(partition, transitions),
        postponed: (_partition, _what, error) => world.failed(error),
        committed() {}, published() {}, sentOn() {}, incarnated() {},
      },
    };
    this.#pump = new Pump(this.#ports(), options, isStandby ? undefined : this.#checkpointer());
    this.subscription = world.subscribe(this.process, { monotonicMs: () => this.#nowMs, listener: (update) => void this.#guard(this.#pump.heard(update)) });
    this.#pulse();
    world.control.onAppend(() => this.process.after(world.network.latencyMs(), 'hears of control', () => void this.#guard(this.#pump.pulse(this.#nowMs))));
  }

  /** The group says what is ours; an older word than the last one says nothing. */
  assign(generation: number, partitions: ReadonlySet<number>): void {
    if (generation <= this.#generation) return;
    this.#generation = generation;
    for (const [partition, delivery] of this.#deliveries) {
      if (partitions.has(partition)) continue;
      delivery.stop();
      this.#deliveries.delete(partition);
      this.#leaving.set(partition, delivery.ended);
    }
    for (const partition of partitions) if (!this.#deliveries.has(partition)) this.#deliver(partition);
  }

  #deliver(partition: number): void {
    const { outcomes, network, profile } = this.#world;
    const { process } = this;
    const fetch = async (from: number): ReturnType<ConstructorParameters<typeof Delivery>[0]['fetch']> => {
      const read = { to: 'kafka' as const, what: `fetches ${partition} from ${from}`, serve: () => outcomes.made(partition).fetch(partition, from, profile.batchMax) };
      const records = await network.call(process, read);
      if (records.length > 0) return records;
      await new Promise<void>((resolve) => {
        const timer = process.after(LONG_POLL_MS, 'polls again', resolve);
        const poll = (): void => {
          if (outcomes.bounds(partition).next <= from) return outcomes.onNext(poll);
          timer.cancel();
          process.after(network.latencyMs(), 'is told of records', resolve);
        };
        poll();
      });
      return await network.call(process, read);
    };
    const options = {
      process, partition, fetch, handler: this.#pump,
      before: this.#leaving.get(partition),
      log: () => outcomes.log(partition),
      look: this.#lookAt(partition),
      onTaken: (taken: Parameters<World['taken']>[2]) => this.#world.taken(this.#group, partition, taken),
      onError: (error: unknown) => this.#world.failed(error),
    };
    const delivery = new Delivery(options);
    this.#deliveries.set(partition, delivery);
    void this.#guard(delivery.ended);
  }

  #lookAt(partition: number): LogLook {
    const { network, outcomes, scheduler } = this.#world;
    const ask = async <T>(serve: () => T): Promise<T> => await network.call(this.process, { to: 'kafka', what: `looks which log ${partition} is`, serve });
    return {
      identity: async () => await ask(() => outcomes.made(partition).bounds(partition).identity),
      appendMsAt: async (offset) => await ask(() => outcomes.made(partition).at(partition, offset)?.appendMs),
      monotonicMs: () => scheduler.nowMs,
    };
  }

  get #nowMs(): number {
    return this.#world.scheduler.nowMs + this.#offMs;
  }

  #pulse(): void {
    this.process.after(this.#world.profile.pulseMs, 'pulses', () => {
      void this.#guard(this.#pump.pulse(this.#nowMs));
      this.#pulse();
    });
  }

  /** Nothing of the engine's rejects for good but by a bug. */
  async #guard(done: Promise<void>): Promise<void> {
    try {
      await done;
    } catch (error) {
      this.#world.broke(error);
    }
  }

  #checkpointer(): Checkpointer {
    const { network, profile } = this.#world;
    const append = async (checkpoint: Checkpoint): Promise<void> =>
      await network.call(this.process, { to: 'kafka', what: `writes the checkpoint ${checkpoint.partition} at ${checkpoint.next}`, serve: () => this.#world.checkpointed(checkpoint) });
    const find = async (): Promise<never> => await Promise.reject(new Error('assertion: no owner asks for this'));
    return new Checkpointer({ append, find }, { recordsEach: profile.checkpointRecords, onError: (_partition, error) => this.#world.failed(error) });
  }

  #made(partition: number, transitions: readonly OutboxEntry[]): void {
    for (const entry of transitions) this.#world.made(partition, entry);
  }

  #boundsOf(partition: number): LogBounds {
    const { outcomes } = this.#world;
    this.#looked.set(partition, outcomes.log(partition));
    return { ...outcomes.made(partition).bounds(partition), passed: this.#world.passed(this.#group, partition) };
  }

  #appendToControl(entries: readonly ControlDraft[]): number {
    for (const { change } of entries) if (change.kind === 'incarnation') this.#world.incarnate(change, this.#looked.get(change.partition) as PartitionLog);
    return this.#world.control.append(entries);
  }

  #ports(): OwnerPorts {
    const { network, outcomes, store, control } = this.#world;
    const world = this.#world;
    const call = async <T>(to: Service, what: string, serve: () => T): Promise<T> => await network.call(this.process, { to, what, serve });
    const never = async (): Promise<never> => await Promise.reject(new Error('assertion: no owner asks for this'));
    return {
      outcomes: {
        append: async (all) => await call('kafka', 'appends', () => outcomes.append(all)),
        appendMark: async (partition, mark) => await call('kafka', `marks ${partition} with control ${mark.control}`, () => void outcomes.put(partition, { kind: 'mark', mark })),
        sendOn: async (records) => await call('kafka', 'sends on', () => outcomes.sendOn(records)),
      },
      reader: {
        run: never,
        bounds: async (partition) => await call('kafka', `asks for bounds of ${partition}`, () => this.#boundsOf(partition)),
        read: async (partition, from, max) => await call('kafka', `reads ${partition} from ${from}`, () => outcomes.made(partition).read(partition, from, max)),
      },
      control: {
        append: async (entries) => await call('kafka', 'appends to control', () => this.#appendToControl(entries)),
        read: async (from) => await call('kafka', `reads control from ${from}`, () => control.records.slice(from)),
        onNews: never,
      },
      states: {
        claim: async (partition, group) => await call('redis', `claims ${partition}`, () => store.claim(partition, group)),
        commit: async (commit) => await call('redis', `commits ${commit.partition} ${commit.expected} to ${commit.next}`, () => store.commit(commit)),
        published: async (partition, entries) => await call('redis', `empties the outbox of ${partition}`, () => store.published(partition, entries)),
      },
      transitions: { append: async (transitions) => await call('kafka', 'tells transitions', () => world.tell(transitions)), list: never, follow: never },
      deadLetters: { append: async (letters) => await call('kafka', 'buries what can’t be read', () => outcomes.buried(letters)) },
    };
  }
}

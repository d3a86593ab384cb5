/** One owner of a `PumpWorld`'s partition: a pump, the reader that feeds it, and the faults between them and the world. */
import type { Commit, CommitAnswer, LogRecord, OwnerPorts, Pump, StateStore } from '#engine';
import type { PumpWorld } from './pump-world.ts';

export class Member {
  readonly #world: PumpWorld;
  readonly #group: string;
  #pump!: Pump;
  #isHealthy = false;
  /** Where the reader reads on; undefined: the partition isn't assigned. */
  #position: number | undefined;
  /** Fetched, not taken. */
  #batch: readonly LogRecord[] = [];
  #isLogAnother = false;

  constructor(world: PumpWorld, group: string) {
    this.#world = world;
    this.#group = group;
    this.#begin();
  }

  heal(): void {
    this.#isHealthy = true;
  }

  /** What it has fetched is of the old one, and stays in its hands. */
  logIsAnother(): void {
    this.#isLogAnother = true;
  }

  /** Something that a reader, the clock, a feed or a kill would do. */
  async act(): Promise<void> {
    const { chance } = this.#world;
    const what = chance.below(100);
    if (what < 50) await this.#read();
    else if (what < 75) await this.#pump.pulse(this.#world.nowMs);
    else if (what < 80) await this.#hear();
    else if (what < 84) await Promise.all([this.#read(), this.#pump.pulse(this.#world.nowMs), this.#hear()]);
    else if (what < 90) await this.#giveUp();
    else if (what < 94) this.#begin();
  }

  async runToEnd(): Promise<void> {
    if (this.#isLogAnother) await this.#giveUp();
    for (;;) {
      const before = this.#position;
      await this.#read();
      await this.#pump.pulse(this.#world.nowMs);
      await this.#hear();
      if (this.#position === before && this.#batch.length === 0 && before === (await this.#world.log.reader.bounds(0)).next) return;
    }
  }

  /** A new process; the one before says nothing any more. */
  #begin(): void {
    const { chance } = this.#world;
    this.#position = undefined;
    this.#batch = [];
    this.#pump = this.#world.pumpOf(this.#group, this.#ports(), chance.below(3) > 0);
  }

  async #read(): Promise<void> {
    try {
      if (this.#isLogAnother && this.#batch.length === 0) await this.#giveUp();
      this.#position ??= await this.#assigned();
      if (this.#batch.length === 0) this.#batch = await this.#world.log.reader.read(0, this.#position, 1 + this.#world.chance.below(8));
      const last = this.#batch.at(-1);
      if (last === undefined) return;
      await this.#pump.take(0, this.#batch);
      this.#position = last.offset + 1;
      this.#batch = [];
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
    }
  }

  async #assigned(): Promise<number> {
    this.#isLogAnother = false;
    return await this.#pump.assigned(0);
  }

  async #giveUp(): Promise<void> {
    this.#position = undefined;
    this.#batch = [];
    this.#isLogAnother = false;
    await this.#pump.revoked(0);
  }

  async #hear(): Promise<void> {
    const { meta } = await this.#world.claim('looking');
    const { nowMs } = this.#world;
    await this.#pump.heard({ partition: 0, ...(meta === undefined ? {} : { meta }), snapshots: [], storeTime: { atMs: nowMs, askedMonotonicMs: nowMs, toldMonotonicMs: nowMs } });
  }

  #ports(): Partial<OwnerPorts> {
    const world = this.#world;
    const calling = <A extends unknown[], T>(call: (...args: A) => Promise<T>) => async (...args: A): Promise<T> => await this.#faulty(() => call(...args));
    const states: StateStore = {
      claim: calling((_, group) => world.claim(group)),
      commit: async (commit) => await this.#commit(commit),
      published: calling((partition, entries) => world.store.published(partition, entries)),
    };
    return {
      states,
      outcomes: {
        ...world.home.outcomes,
        append: calling((outcomes) => world.log.outcomes.append(outcomes)),
        sendOn: async () => {},
        appendMark: calling((_, mark) => world.mark(mark)),
      },
      reader: {
        run: (handler) => world.log.reader.run(handler),
        bounds: calling((partition) => world.log.reader.bounds(partition)),
        read: calling((partition, from, max) => world.log.reader.read(partition, from, max)),
      },
      control: {
        append: calling((entries) => world.home.control.append(entries)),
        read: calling((from) => world.home.control.read(from)),
        onNews: (listener) => world.home.control.onNews(listener),
      },
      transitions: {
        append: calling((transitions) => world.publish(transitions)),
        list: (query) => world.home.transitions.list(query),
        follow: (listener) => world.home.transitions.follow(listener),
      },
    };
  }

  async #commit(commit: Commit): Promise<CommitAnswer> {
    const { chance } = this.#world;
    if (!this.#isHealthy && chance.below(30) === 0) {
      this.#world.comeLate(commit);
      throw new Fault();
    }
    return await this.#faulty(() => this.#world.commit(commit));
  }

  /** Fails before or after, now and then, and takes its time. */
  async #faulty<T>(call: () => Promise<T>): Promise<T> {
    const { chance } = this.#world;
    for (let turns = chance.below(4); turns > 0; turns--) await Promise.resolve();
    const fate = this.#isHealthy ? 99 : chance.below(60);
    if (fate === 0) throw new Fault();
    const result = await call();
    if (fate === 1) throw new Fault();
    return result;
  }
}

class Fault extends Error {
  constructor() {
    super('out of reach');
  }
}

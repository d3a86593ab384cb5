/** A consumer group: who has which partition, told to its members when the word comes, so that for a while two may think that it is theirs. */
import type { Chance } from '../support/chance.ts';
import { Ingest } from './ingest.ts';
import type { World } from './world.ts';

/** How late a member may hear of a rebalance, ms; mostly much sooner. */
const TOLD_MAX_MS = 6_000;
const TOLD_SOON_MS = 300;
/** After so long without a sign of life a member is taken for dead, ms. */
const SESSION_MS = 1_000;

export class Group {
  readonly name: string;
  readonly members: Ingest[] = [];
  readonly #world: World;
  readonly #chance: Chance;
  readonly #size: number;
  #generation = 0;
  #begun = 0;

  constructor(world: World, name: string, size: number) {
    this.#world = world;
    this.#chance = world.chance;
    this.name = name;
    this.#size = size;
    for (let n = 0; n < size; n++) this.#begin(n);
    this.rebalance();
  }

  /** Somebody gets each partition, by lot. */
  rebalance(): void {
    const alive = this.members.filter(({ process }) => process.isAlive);
    if (alive.length === 0) return;
    const generation = this.#generation++;
    const owners = Array.from({ length: this.#world.profile.partitions }, () => this.#chance.of(alive));
    for (const member of alive) {
      const partitions = new Set(owners.flatMap((owner, partition) => (owner === member ? [partition] : [])));
      const toldMs = this.#chance.below(this.#chance.below(6) === 0 ? TOLD_MAX_MS : TOLD_SOON_MS);
      member.process.after(toldMs, `hears that it has ${[...partitions].join() || 'nothing'}`, () => member.assign(generation, partitions));
    }
  }

  /** Kill -9; another process takes its place after so long. */
  kill(n: number, backMs: number): string {
    const place = n % this.#size;
    const member = this.members[place] as Ingest;
    member.process.kill();
    const { scheduler } = this.#world;
    scheduler.after(this.#chance.below(SESSION_MS), `${this.name} misses ${member.process.name}`, () => this.rebalance());
    scheduler.after(backMs, `${this.name} gets a new member`, () => {
      if (this.members[place]?.process.isAlive === true) return;
      this.#begin(place);
      this.rebalance();
    });
    return member.process.name;
  }

  /** Everybody is there, and hears soon what is theirs. */
  heal(): void {
    for (let n = 0; n < this.#size; n++) {
      const member = this.members[n] as Ingest;
      member.process.thaw();
      if (!member.process.isAlive) this.#begin(n);
    }
    this.rebalance();
  }

  #begin(place: number): void {
    const member = new Ingest(this.#world, this.name, `${this.name}${place}.${this.#begun++}`);
    this.members[place] = member;
  }
}

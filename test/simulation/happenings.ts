/**
 * What happens to a simulated fleet, one thing after the other, each drawn from the seed and its own number alone: so a
 * life can be lived again with some of them left out.
 */
import { Chance } from '../support/chance.ts';
import { rebuild } from './audit.ts';
import { changeFrom } from './documents.ts';
import type { Profile } from './profile.ts';
import type { World } from './world.ts';

/** Does it, and says what it was. */
type Happening = (world: World, chance: Chance) => string;

const calls: Happening = (world, chance) => {
  const proxy = chance.of(world.proxies);
  const upstream = chance.of(world.hosts);
  const times = 1 + chance.below(8);
  const apartMs = chance.of([0, 5, 40]);
  for (let n = 0; n < times; n++) proxy.process.after(n * apartMs, `is called for ${upstream}`, () => proxy.call(upstream));
  return `${proxy.process.name} gets ${times} calls to ${upstream}, ${apartMs} ms apart`;
};

/** By a producer that is no proxy: stamps and times as it likes, some ids again (K4, G2, T2). */
const produce: Happening = (world, chance) => {
  const upstream = chance.of([...world.hosts, ...world.hosts, 'p0-unknown.local']);
  const times = 1 + chance.below(5);
  const { nowMs } = world.scheduler;
  for (let n = 0; n < times; n++) {
    const id = chance.below(3) === 0 ? `again-${chance.below(6)}` : `produced-${world.nextNumber()}`;
    const atMs = nowMs - chance.of([0, 0, 0, 100, 2_500, 8_000, 55_000, 65_000, -20_000]);
    const admitted = { incarnation: 1 + chance.below(2), generation: 1 + chance.below(8) };
    const outcome = {
      upstream, atMs, reporter: 'producer', count: chance.of([1, 1, 4]),
      result: { kind: 'status', code: chance.of([200, 500]) } as const,
      ...(chance.below(6) === 0 ? {} : { id }),
      ...(chance.below(3) === 0 ? { admitted } : {}),
      ...(chance.below(3) === 0 ? { durationMs: chance.below(400) } : {}),
    };
    if (chance.below(12) === 0) world.outcomes.putMisrouted(chance.below(world.profile.partitions), outcome);
    else world.outcomes.append([outcome]);
  }
  return `a producer sends ${times} outcomes of ${upstream}`;
};

const incident: Happening = (world, chance) => {
  const upstream = chance.of(world.hosts);
  const how = { forMs: chance.of([300, 2_000, 15_000]), errors: chance.of([30, 100]), slow: chance.of([0, 50]) };
  world.upstreams.befall(upstream, how);
  return `${upstream} fails ${how.errors} and slows down ${how.slow} of 100 calls for ${how.forMs} ms`;
};

const pause: Happening = (world, chance) => {
  const ms = chance.of([500, 3_000, 15_000]);
  world.pausedUntilMs = world.scheduler.nowMs + ms;
  return `nothing happens for ${ms} ms`;
};

const change: Happening = (world, chance) => {
  const what = changeFrom(chance, world.hosts, world.applied);
  if (what.kind === 'apply' && what.document.kind === 'UpstreamTrafficSetting') world.applied.push(what.document);
  world.control.append([{ author: 'operator', reason: 'because', source: chance.of(['api', 'api', 'api', 'api', 'directory']), change: what }]);
  const of = 'document' in what ? what.document.name : 'upstream' in what ? what.upstream : '';
  return `an operator says ${what.kind} ${of}`;
};

const forge: Happening = (world, chance) => {
  const control = chance.below(world.control.records.length + 2) - 1;
  const hash = chance.of([world.control.records[control]?.hash ?? '', 'forged']);
  const partition = chance.below(world.profile.partitions);
  world.outcomes.put(partition, { kind: 'mark', mark: { control, hash } });
  return `somebody writes the mark ${control} ${hash} into partition ${partition}`;
};

const poison: Happening = (world, chance) => {
  const partition = chance.below(world.profile.partitions);
  world.outcomes.put(partition, { kind: 'dead', reason: 'unreadable', key: null, value: new Uint8Array(1) });
  return `partition ${partition} gets a record that can’t be read`;
};

const rebalance: Happening = (world, chance) => {
  const group = chance.of(world.groups);
  group.rebalance();
  return `group ${group.name} rebalances`;
};

const killIngest: Happening = (world, chance) => {
  const backMs = chance.of([50, 1_000, 8_000]);
  return `${chance.of(world.groups).kill(chance.below(3), backMs)} is killed, the next one begins after ${backMs} ms`;
};

const freezeIngest: Happening = (world, chance) => {
  const { process } = chance.of(chance.of(world.groups).members);
  const ms = chance.of([200, 2_000, 10_000]);
  process.freeze(ms);
  return `${process.name} is frozen for ${ms} ms`;
};

const killProxy: Happening = (world, chance) => {
  const n = chance.below(world.proxies.length);
  const proxy = world.proxies[n];
  proxy?.process.kill();
  const backMs = chance.of([10, 500, 5_000]);
  world.scheduler.after(backMs, `proxy ${n} begins`, () => world.restartProxy(n));
  return `${proxy?.process.name} is killed, the next one begins after ${backMs} ms`;
};

const jumpProxy: Happening = (world, chance) => {
  const proxy = chance.of(world.proxies);
  const ms = chance.of([-60_000, -3_000, -500, 500, 3_000, 60_000]);
  proxy.jumpClock(ms);
  return `the clock of ${proxy.process.name} jumps by ${ms} ms`;
};

const jumpBroker: Happening = (world, chance) => {
  const broker = chance.below(world.brokers.count);
  const [isAhead, forMs] = [chance.below(2) === 0, chance.of([100, 2_000, 20_000])];
  world.jumpBroker(broker, isAhead, forMs);
  return `the clock of broker ${broker} is a minute ${isAhead ? 'ahead' : 'behind'} for ${forMs} ms`;
};

const moveLeader: Happening = (world, chance) => {
  const [partition, broker] = [chance.below(world.profile.partitions), chance.below(world.brokers.count)];
  world.outcomes.moveLeader(partition, broker);
  return `broker ${broker} leads partition ${partition}`;
};

const cutService: Happening = (world, chance) => {
  const service = chance.of(['kafka', 'redis'] as const);
  const ms = chance.of([200, 2_000, 9_000]);
  world.network.cut(service, ms);
  return `${service} is down for ${ms} ms`;
};

const cutLink: Happening = (world, chance) => {
  const service = chance.of(['kafka', 'redis'] as const);
  const { name } = chance.of([...world.proxies, ...world.groups.flatMap(({ members }) => members)]).process;
  const ms = chance.of([200, 2_000, 9_000]);
  world.network.cut(service, ms, name);
  return `${name} does not reach ${service} for ${ms} ms`;
};

const fallBack: Happening = (world, chance) => {
  const [partition, changes] = [chance.below(world.profile.partitions), 1 + chance.below(12)];
  world.store.fallBack(partition, changes);
  return `the store loses its last ${changes} changes of partition ${partition}`;
};

const flush: Happening = (world) => {
  world.store.flush();
  world.losePublished();
  return 'the store loses everything';
};

const deafen: Happening = (world, chance) => {
  const ms = chance.of([500, 5_000]);
  return `${world.deafen(chance.below(100), ms)} hears no notification for ${ms} ms`;
};

const makeLogAgain: Happening = (world, chance) => {
  const partition = chance.below(world.profile.partitions);
  world.makeLogAgain(partition);
  return `the log of partition ${partition} is made again`;
};

const cutLog: Happening = (world, chance) => {
  const partition = chance.below(world.profile.partitions);
  const { next } = world.outcomes.bounds(partition);
  const wanted = Math.max(0, next - chance.of([0, 2, 10, 40]));
  const first = world.isUntellableAt(partition, wanted) ? wanted - 1 : wanted;
  world.outcomes.cut(partition, first);
  return `the log of partition ${partition} is cut before ${first}`;
};

const rebuildAgain: Happening = (world, chance) => {
  const partition = chance.below(world.profile.partitions);
  rebuild(world, partition);
  return `an operator has partition ${partition} rebuilt from the log`;
};

/** How often each is, where it is at all. */
const KINDS: readonly (readonly [Happening, number])[] = [
  [calls, 300], [produce, 60], [incident, 30], [pause, 10], [change, 30], [forge, 4], [poison, 4], [rebalance, 10], [killIngest, 8], [freezeIngest, 8],
  [killProxy, 4], [jumpProxy, 4], [jumpBroker, 1], [moveLeader, 5], [cutService, 3], [cutLink, 8], [fallBack, 5], [flush, 2], [deafen, 6], [makeLogAgain, 2], [cutLog, 4], [rebuildAgain, 4],
];
/** The first so many are in every life. */
const ALWAYS = 4;

export class Happenings {
  readonly #seed: number;
  readonly #gapMs: number;
  readonly #lots: readonly Happening[];

  constructor(seed: number, { gapMs }: Profile) {
    this.#seed = seed;
    this.#gapMs = gapMs;
    const chance = this.#chanceOf(-1);
    this.#lots = KINDS.flatMap(([happening, often], n) => {
      const share = n < ALWAYS ? 4 : chance.of([0, 0, 4, 8, 12]);
      return Array.from({ length: Math.round((often * share) / 4) }, () => happening);
    });
  }

  /** What comes as number `n`, and how long after the one before. */
  at(n: number): { readonly afterMs: number; readonly seed: number; readonly happen: (world: World) => string } {
    const chance = this.#chanceOf(n);
    const afterMs = chance.below(2 * this.#gapMs + 1);
    const happening = chance.of(this.#lots);
    return { afterMs, seed: chance.below(2 ** 31), happen: (world) => happening(world, chance) };
  }

  #chanceOf(n: number): Chance {
    return new Chance(Math.imul(this.#seed ^ 0x2545_f491, 0x9e37_79b1) ^ Math.imul(n + 2, 0x85eb_ca6b));
  }
}

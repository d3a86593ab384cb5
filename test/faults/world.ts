/**
 * A fleet at work on a Kafka and a Redis: its processes, the books of what was sent to it, calls through its proxies, and
 * an eye on what it makes of them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { randomBytes } from 'node:crypto';
import kafkajs, { type Admin } from 'kafkajs';
import { openFleet, type Fleet } from '#drivers';
import type { Snapshot } from '#engine';
import { Secret, parseAddress, type Address } from '#runtime';
import { WatchedUpstream } from '../scenarios/upstream.ts';
import { eventually } from '../support/eventually.ts';
import { FleetStage, type Member, type ProxyMember } from '../support/fleet.ts';
import { Versions } from '../support/versions.ts';
import { Calls } from './calls.ts';
import { Ledger } from './ledger.ts';
import { Positions } from './positions.ts';
import { prove } from './proof.ts';
import { claim, type Figure, type Seen } from './row.ts';
import { Trips } from './trips.ts';
import { LEASED, PARTITIONS, TRIP_ERRORS, documentsOf } from './upstreams.ts';

export interface WorldOptions {
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
  /** Environment of each ingest, and so how many; default one. */
  readonly ingests?: readonly Readonly<Record<string, string>>[];
  /** Of each proxy; default one. */
  readonly proxies?: readonly Readonly<Record<string, string>>[];
}

export interface ProofOptions {
  readonly figures?: readonly Figure[];
  /** Calls whose outcome may be gone with a proxy that was killed; default 0. */
  readonly lostMax?: number;
  /** What `fuseboard verify` may end with; default 0 alone. */
  readonly verifyMay?: readonly number[];
}

/** Before a fault, for calls to be compared with, ms. */
const CALM_MS = 3_000;
/** So that no outage makes an outcome late (T2). */
const LATE_AFTER = '1h';

export class World {
  readonly #options: WorldOptions;
  readonly configDir = mkdtempSync(join(tmpdir(), 'fuseboard-faults-'));
  readonly prefix = `faults-${randomBytes(5).toString('hex')}`;
  readonly fleet: FleetStage;
  readonly ledger: Ledger;
  readonly positions: Positions;
  readonly calls = new Calls();
  /** As a follower of the store is told. */
  readonly versions = new Versions();
  readonly trips: Trips;
  readonly ingests: Member[] = [];
  readonly proxies: ProxyMember[] = [];
  #drivers: Fleet | undefined;
  #called: WatchedUpstream | undefined;
  #leased: WatchedUpstream | undefined;
  #calmMs = 0;
  #faultMs = 0;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { kafkaBrokers, redisUrl } = options;
    this.fleet = new FleetStage({ kafkaBrokers, redisUrl, prefix: this.prefix, configDir: this.configDir, partitions: PARTITIONS, env: { FUSEBOARD_LATE_AFTER: LATE_AFTER } });
    this.ledger = new Ledger(kafkaBrokers, `${this.prefix}.`);
    this.positions = new Positions(redisUrl, this.prefix);
    this.trips = new Trips(this.ledger, (upstream) => this.snapshot(upstream));
  }

  /** All of it runs and is ready, and all loads have begun. */
  async open(): Promise<void> {
    this.#called = await WatchedUpstream.start();
    this.#leased = await WatchedUpstream.start();
    writeFileSync(join(this.configDir, 'documents.yaml'), documentsOf({ called: this.#called.target, leased: this.#leased.target }));
    const { ingests = [{}], proxies = [{}] } = this.#options;
    // In their order, whoever is quicker.
    this.ingests.push(...(await Promise.all(ingests.map((env) => this.fleet.ingest(env)))));
    this.proxies.push(...(await Promise.all(proxies.map((env) => this.fleet.proxy(env)))));
    await this.fleet.ready([...this.ingests, ...this.proxies]);
    await this.drivers.prepare();
    await this.drivers.stateFeed.follow((update) => this.versions.hear(update));
    this.ledger.begin();
    this.trips.begin();
    for (const { proxy } of this.proxies) this.calls.begin(proxy);
    await eventually(() => (this.trips.total > 0 && this.calls.ends.length > 20) || undefined, { what: 'the loads to run', deadlineMs: 60_000 });
  }

  /** Begins another, and waits until it listens. */
  async ingest(env: Readonly<Record<string, string>> = {}): Promise<Member> {
    const ingest = await this.fleet.ingest(env);
    this.ingests.push(ingest);
    return ingest;
  }

  async proxy(env: Readonly<Record<string, string>> = {}): Promise<ProxyMember> {
    const proxy = await this.fleet.proxy(env);
    this.proxies.push(proxy);
    return proxy;
  }

  /** Of a partition, where it is folded by two at least; each holds what it says. */
  async folding(ingest: Member, partitions: number): Promise<void> {
    await ingest.until(`${partitions} partitions to be folded there`, () => ownedBy(ingest).size >= partitions || undefined);
  }

  /** The row's own look at the stores, past every link. */
  get drivers(): Fleet {
    return (this.#drivers ??= openFleet({
      config: {
        kind: 'fleet',
        kafkaBrokers: this.#options.kafkaBrokers.split(',').map((broker) => parseAddress(broker) as Address),
        redisUrl: new Secret(this.#options.redisUrl),
        topicPrefix: `${this.prefix}.`,
        redisPrefix: `${this.prefix}:`,
        partitions: PARTITIONS,
      },
      instance: 'faults',
      kafka: { failed: () => {}, reached: () => {} },
      redis: { failed: () => {}, reached: () => {} },
      onError: () => {},
    }));
  }

  async admin<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new kafkajs.Kafka({ brokers: this.#options.kafkaBrokers.split(','), logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      return await ask(admin);
    } finally {
      await admin.disconnect();
    }
  }

  /** Of what was sent to this partition so far nothing is to be found at the end: its log is about to be lost. */
  async forget(partition: number): Promise<void> {
    await this.trips.forget(partition);
    this.ledger.forget(partition);
  }

  /** For the `fuseboard` command. */
  get env(): Readonly<Record<string, string>> {
    return {
      FUSEBOARD_KAFKA_BROKERS: this.#options.kafkaBrokers,
      FUSEBOARD_REDIS_URL: this.#options.redisUrl,
      FUSEBOARD_TOPIC_PREFIX: `${this.prefix}.`,
      FUSEBOARD_REDIS_PREFIX: `${this.prefix}:`,
      FUSEBOARD_PARTITIONS: `${PARTITIONS}`,
      FUSEBOARD_LATE_AFTER: LATE_AFTER,
    };
  }

  /** As the follower was told last. */
  snapshot(upstream: string): Snapshot | undefined {
    return this.versions.newest.get(upstream);
  }

  /** As any producer can: the leased upstream's errors. */
  async tripLeased(): Promise<void> {
    await this.ledger.send([{ upstream: LEASED, status: 503, count: TRIP_ERRORS, counts: false }]);
  }

  /** Seconds from `sinceMs` until outcomes of now are in the store, in every partition. */
  async handOver(sinceMs = performance.now()): Promise<number> {
    return await this.positions.handOver(this.ledger, sinceMs);
  }

  /** Some seconds without a fault, then `fault`. Gives its moment, by the clock of `performance`. */
  async afterCalm(fault: () => unknown): Promise<number> {
    this.#calmMs = performance.now();
    await sleep(CALM_MS);
    this.#faultMs = performance.now();
    await fault();
    return this.#faultMs;
  }

  /**
   * The end: no more is sent, all is compared.
   * @param what what else was seen
   */
  async proven(what: string, { figures = [], lostMax = 0, verifyMay = [0] }: ProofOptions = {}): Promise<Seen> {
    const p99 = { calm: this.calls.p99Ms(this.#calmMs, this.#faultMs), fault: this.calls.p99Ms(this.#faultMs) };
    await Promise.all([this.ledger.settle(), this.trips.settle(), this.calls.settle()]);
    const arrivals = this.#called?.arrivals ?? [];
    const answered = { total: arrivals.length, errors: arrivals.filter(({ status }) => status > 499).length };
    const equal = await prove(this.drivers, { counts: this.ledger.books, trips: this.trips.begun, answered: { ...answered, lostMax } }, { env: this.env, verifyMay });
    const { wrong, ends } = this.calls;
    claim(wrong.length === 0, `every call is answered by its upstream; ${wrong.length} of ${ends.length} were not: ${JSON.stringify(wrong.slice(0, 3))}`);
    const calls = `${ends.length} calls all right, p99 ${p99.fault.toFixed(0)} ms (before ${p99.calm.toFixed(0)} ms, ×${(p99.fault / p99.calm).toFixed(1)})`;
    return { what: [what, equal, calls].filter((each) => each !== '').join('; '), figures };
  }

  async close(): Promise<void> {
    await this.fleet.kill();
    await Promise.all([this.calls.settle(), this.ledger.close(), this.trips.settle().catch(() => undefined)]);
    this.positions.close();
    await this.#drivers?.close();
    await Promise.all([this.#called?.close(), this.#leased?.close()]);
    rmSync(this.configDir, { recursive: true, force: true });
  }
}

/** The partitions that an ingest says it folds. */
export function ownedBy(ingest: Member): ReadonlySet<number> {
  const owned = new Set<number>();
  for (const { msg, partition } of ingest.log) {
    if (msg.includes('is folded here')) owned.add(partition as number);
    if (msg.includes('is given up')) owned.delete(partition as number);
  }
  return owned;
}

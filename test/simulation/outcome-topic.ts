/** The outcomes topic: partitions of records, each under the clock of the broker that leads it, made again and cut now and then. */
import type { Entry, LogBounds, LogRecord, MisplacedRecord, Outcome } from '#engine';
import type { Chance } from '../support/chance.ts';
import type { Brokers } from './broker.ts';
import { Violation } from './invariants.ts';
import { Unreachable } from './network.ts';
import { isSame } from './same.ts';

/** One log under a partition's name. Nothing is ever taken out of it, so that the truth can be told: `first` hides what was cut. */
export interface PartitionLog {
  readonly identity: string;
  /** By offset; a hole is an offset without record. */
  readonly records: (LogRecord | undefined)[];
  first: number;
  /** By the world's time. */
  readonly madeMs: number;
}

/** The log has nothing at that offset: it was cut, or is another one. */
export class OutOfRange extends Error {
  override readonly name = 'OutOfRange';
}

export class OutcomeTopic {
  readonly partitionOf: (upstream: string) => number;
  /** In a thousand appends, how many leave a hole in front of them. */
  gapRate = 0;
  readonly #nowMs: () => number;
  readonly #brokers: Brokers;
  readonly #chance: Chance;
  readonly #logs: PartitionLog[] = [];
  readonly #leaders: number[] = [];
  /** By whom and id, what was appended first (L4). */
  readonly #byId = new Map<string, Outcome>();
  readonly #calls = new Map<string, number>();
  /** What was misrouted, by its bytes; and what of that, and of what can't be read, was sent on (L2). */
  readonly #misrouted = new WeakMap<Uint8Array, Outcome>();
  readonly #sentOn = new WeakSet<Uint8Array>();
  #waiting: (() => void)[] = [];
  #made = 0;

  constructor({ partitions, brokers, chance, partitionOf, nowMs }: { partitions: number; brokers: Brokers; chance: Chance; partitionOf: (upstream: string) => number; nowMs: () => number }) {
    this.#nowMs = nowMs;
    this.partitionOf = partitionOf;
    this.#brokers = brokers;
    this.#chance = chance;
    for (let partition = 0; partition < partitions; partition++) {
      this.makeAgain(partition);
      this.#leaders.push(chance.below(brokers.count));
    }
  }

  log(partition: number): PartitionLog {
    return this.#logs[partition] as PartitionLog;
  }

  clockMs(partition: number): number {
    return this.#brokers.clockMs(this.#leaders[partition] as number);
  }

  /** @returns append times */
  append(outcomes: readonly Outcome[]): number[] {
    return outcomes.map((outcome) => this.#appendOutcome(outcome));
  }

  put(partition: number, entry: Entry): number {
    const { records } = this.log(partition);
    if (this.#chance.below(1_000) < this.gapRate) records.push(undefined);
    const appendMs = this.clockMs(partition);
    records.push({ offset: records.length, appendMs, entry });
    for (const wake of this.#waiting.splice(0)) wake();
    return appendMs;
  }

  /** Found in another partition than its own (L2). */
  putMisrouted(partition: number, outcome: Outcome): void {
    const value = new Uint8Array(1);
    this.#misrouted.set(value, outcome);
    const { upstream, reporter, count } = outcome;
    this.put(partition, { kind: 'misrouted', upstream, reporter, count, value, isSentOn: false });
  }

  sendOn(records: readonly MisplacedRecord[]): void {
    for (const { value, partition, offset } of records) {
      const outcome = this.#misrouted.get(value) as Outcome;
      this.append([{ ...outcome, id: outcome.id ?? `${partition}@${offset}` }]);
      this.#sentOn.add(value);
    }
  }

  buried(letters: readonly { readonly value: Uint8Array | null }[]): void {
    for (const { value } of letters) if (value !== null) this.#sentOn.add(value);
  }

  /** L2: was everything in [from, to) that isn't folded here sent on? */
  isSentOn(log: PartitionLog, from: number, to: number): boolean {
    for (let offset = from; offset < to; offset++) {
      const entry = log.records[offset]?.entry;
      if (entry?.kind === 'misrouted' || entry?.kind === 'dead') if (!this.#sentOn.has(entry.value as Uint8Array)) return false;
    }
    return true;
  }

  bounds(partition: number): Omit<LogBounds, 'passed'> {
    const { records, first, identity } = this.log(partition);
    const whole = records.length === 0 ? '' : identity;
    return { first, next: records.length, identity: first > 0 ? undefined : whole };
  }

  /** As the reader's port has it: from below what the log still has, from there on. */
  read(partition: number, from: number, max: number): LogRecord[] {
    const { records, first } = this.log(partition);
    return from > records.length ? [] : this.fetch(partition, Math.max(from, first), max);
  }

  /** @throws OutOfRange */
  fetch(partition: number, from: number, max: number): LogRecord[] {
    const { records, first } = this.log(partition);
    if (from < first || from > records.length) throw new OutOfRange(`${from} of ${first} to ${records.length}`);
    const found: LogRecord[] = [];
    for (let offset = from; offset < records.length && found.length < max; offset++) {
      const record = records[offset];
      if (record !== undefined) found.push(record);
    }
    return found;
  }

  /** Calls back once, with the next record of whatever partition. */
  onNext(wake: () => void): void {
    this.#waiting.push(wake);
  }

  moveLeader(partition: number, broker: number): void {
    this.#leaders[partition] = broker;
  }

  /** It can't be read until it is made. */
  makeAgain(partition: number, madeMs = -Infinity): void {
    this.#logs[partition] = { identity: `log-${partition}-${this.#made++}`, records: [], first: 0, madeMs };
  }

  /** @throws Unreachable while the log is still being made */
  made(partition: number): this {
    if (this.#nowMs() < this.log(partition).madeMs) throw new Unreachable(`partition ${partition} is being made`);
    return this;
  }

  /** Undefined: no record is there. */
  at(partition: number, offset: number): LogRecord | undefined {
    const { records, first } = this.log(partition);
    return offset < first ? undefined : records[offset];
  }

  cut(partition: number, first: number): void {
    const log = this.log(partition);
    log.first = Math.max(log.first, first);
  }

  /** Calls that were appended of a reporter, each record once. */
  callsOf(reporter: string): number {
    return this.#calls.get(reporter) ?? 0;
  }

  #appendOutcome(outcome: Outcome): number {
    const { reporter, id } = outcome;
    // Producers that aren't ours repeat what they like.
    if (id !== undefined && reporter.startsWith('proxy')) {
      const key = `${reporter} ${id}`;
      const before = this.#byId.get(key);
      if (before === undefined) {
        this.#byId.set(key, { ...outcome });
        this.#calls.set(reporter, this.callsOf(reporter) + outcome.count);
      } else if (!isSame(before, outcome)) throw new Violation('I4 counted once', `${key} was sent as ${JSON.stringify(before)} and as ${JSON.stringify(outcome)}`);
    }
    return this.put(this.partitionOf(outcome.upstream), { kind: 'outcome', outcome });
  }
}

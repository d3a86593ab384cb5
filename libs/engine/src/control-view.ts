/**
 * The control log as this process has read it: the fold's dictionary, and the documents in force at its end. It only grows.
 */
import type { ControlRecord } from './control.ts';
import type { Documents } from './documents.ts';
import type { ControlDictionary } from './policies-in-force.ts';
import { PolicyChanges } from './policy-changes.ts';
import type { ControlLog } from './ports.ts';

export class ControlView {
  readonly #log: ControlLog;
  readonly #records = new Map<number, ControlRecord>();
  /** Those among them that are no operators': few, and asked for by each partition. */
  readonly #ours: ControlRecord[] = [];
  #latest = -1;
  #reading: Promise<void> = Promise.resolve();
  /** The reading behind that one, which has not begun. */
  #following: Promise<void> | undefined;

  constructor(log: ControlLog) {
    this.#log = log;
  }

  /** The log's first record; undefined: none was read. */
  get first(): ControlRecord | undefined {
    return this.#records.values().next().value;
  }

  /** Offset of the last record read; -1: none. */
  get latest(): number {
    return this.#latest;
  }

  readonly #changes = new PolicyChanges((offset) => this.#records.get(offset));
  readonly at: ControlDictionary = Object.assign((offset: number) => this.#records.get(offset), { changes: this.#changes });

  /** In force at `latest`; another record that is read changes them. */
  get documents(): Pick<Documents, 'get' | 'list' | 'ofDirectory'> {
    return this.#changes.documents(this.#latest);
  }

  /** Reads on to the end as it is now: a reading that began before this call may have missed what the caller knows of. */
  async refresh(): Promise<void> {
    this.#following ??= this.#readBehind(this.#reading);
    await this.#following;
  }

  /** C2: an owner that hasn't read control up to `offset` reads it first. It may still not exist. */
  async reach(offset: number): Promise<void> {
    if (offset > this.#latest) await this.refresh();
  }

  /** The last incarnation that was begun for a partition (V1). Of two that began it at once, the first: the other one finds it here. */
  incarnationOf(partition: number): Incarnation | undefined {
    let last: Incarnation | undefined;
    for (const { change } of this.#ours) {
      if (change.kind === 'incarnation' && change.partition === partition && change.number > (last?.number ?? 0)) last = change;
    }
    return last;
  }

  /** Which rules are in force where control is up to `offset`. */
  engineAt(offset: number): number {
    let engine = 1;
    for (const record of this.#ours) {
      if (record.offset <= offset && record.change.kind === 'engine') engine = Math.max(engine, record.change.version);
    }
    return engine;
  }

  async #readBehind(before: Promise<void>): Promise<void> {
    // Whoever waits for that one is told of its failure.
    await before.catch(() => undefined);
    this.#following = undefined;
    this.#reading = this.#readOn();
    await this.#reading;
  }

  async #readOn(): Promise<void> {
    for (const record of await this.#log.read(this.#latest + 1)) {
      this.#records.set(record.offset, record);
      if (record.change.kind === 'incarnation' || record.change.kind === 'engine') this.#ours.push(record);
      this.#latest = record.offset;
    }
  }
}

export type Incarnation = Extract<ControlRecord['change'], { kind: 'incarnation' }>;

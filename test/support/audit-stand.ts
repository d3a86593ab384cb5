/**
 * A set of drivers with a pump on it, for the claims about verify, rebuild and replay: what lies in the store and in the
 * logs can be tampered with, and the commands run as users run them, in processes of their own.
 */
import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import type { Drivers } from '#drivers';
import { Checkpointer, Pump, type Checkpoint, type CheckpointQuery, type Outcome, type Snapshot, type Stop, type Transition, type TransitionLog } from '#engine';
import { partitionOf, readDocument } from '#wire';
import { run, type Finished } from './command.ts';
import { eventually } from './eventually.ts';

/** What a driver's technology brings to it. */
export interface AuditStand {
  readonly drivers: Drivers;
  /** Where the commands find the same. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes another snapshot than was committed. */
  tamper(partition: number, snapshot: Snapshot): Promise<void>;
  /** Deletes the outcomes log below `before`, as retention does. */
  cut(partition: number, before: number): Promise<void>;
  /** Lets the drivers go, for a command that must have them to itself. */
  release(): Promise<void>;
}

export const UPSTREAM = 'shop.test';
/** Errors that trip. */
const THRESHOLD = 5;
const CHECKPOINT_RECORDS = 40;

export interface PumpingOptions {
  readonly keepsCheckpoints?: boolean;
  /** Generations of which the transitions log is not told, as if their records had been lost. */
  readonly untold?: readonly number[];
}

export class Pumping {
  readonly stand: AuditStand;
  readonly partition: number;
  #stop: Stop | undefined;
  #ids = 0;

  constructor(stand: AuditStand) {
    this.stand = stand;
    this.partition = partitionOf(UPSTREAM, stand.drivers.partitions);
  }

  /** A policy of UPSTREAM in force; the pump runs until `stop` or the test's end. */
  async start({ keepsCheckpoints = false, untold = [] }: PumpingOptions = {}): Promise<void> {
    const { drivers } = this.stand;
    await drivers.control.append([{ author: 'ann', reason: 'test', source: 'api', change: { kind: 'apply', document: setting() } }]);
    const nothing = (): void => undefined;
    const observer = { folded: nothing, committed: nothing, published: nothing, sentOn: nothing, incarnated: nothing, postponed: nothing };
    const append = async (transitions: readonly Transition[]): Promise<void> => drivers.transitions.append(transitions.filter(({ generation }) => !untold.includes(generation)));
    const { transitions: log } = drivers;
    const transitions: TransitionLog = { append, list: (query) => log.list(query), follow: (listener) => log.follow(listener) };
    const checkpointer = new Checkpointer(drivers.checkpoints, { recordsEach: CHECKPOINT_RECORDS, onError: nothing });
    const owns = (upstream: string, partition: number): boolean => partitionOf(upstream, drivers.partitions) === partition;
    const pump = new Pump({ ...drivers, transitions }, { group: 'ingest', owns, newId: randomUUID, observer }, keepsCheckpoints ? checkpointer : undefined);
    const stop = await drivers.reader.run(pump);
    const timer = setInterval(() => void pump.pulse(Date.now()), 20);
    this.#stop = async () => {
      clearInterval(timer);
      await stop();
      this.#stop = undefined;
    };
    onTestFinished(() => this.stop());
    await eventually(async () => await this.snapshot(), { what: 'the policy to be in force' });
  }

  async stop(): Promise<void> {
    await this.#stop?.();
  }

  async snapshot(): Promise<Snapshot | undefined> {
    return (await this.stand.drivers.kept.read(this.partition)).snapshots.find(({ upstream }) => upstream === UPSTREAM);
  }

  /** Settles when they are committed. */
  async outcomes(count: number, code = 200): Promise<void> {
    const outcomes = Array.from({ length: count }, (): Outcome => ({
      upstream: UPSTREAM, atMs: Date.now(), reporter: 'r', id: `i${this.#ids++}`, result: { kind: 'status', code }, durationMs: 3, count: 1,
    }));
    await this.stand.drivers.outcomes.append(outcomes);
    const { next } = await this.stand.drivers.reader.bounds(this.partition);
    await eventually(async () => ((await this.stand.drivers.kept.read(this.partition)).meta?.next ?? 0) >= next || undefined, { what: `a commit up to ${next}` });
  }

  /** Opens, and closes by itself: two generations. */
  async trip(): Promise<void> {
    const before = (await this.snapshot())?.generation ?? 0;
    await this.outcomes(THRESHOLD, 503);
    await eventually(async () => ((await this.snapshot())?.generation ?? 0) >= before + 2 || undefined, { what: 'the lease to end' });
    await eventually(async () => (await this.stand.drivers.kept.read(this.partition)).outbox.length === 0 || undefined, { what: 'the outbox to be empty' });
  }

  /** The newest that there is, once its `next` is at least this. */
  async checkpoint(next: number): Promise<Checkpoint> {
    const query: CheckpointQuery = { which: 'newest', fits: (head) => head.next >= next };
    return await eventually(async () => await this.stand.drivers.checkpoints.find(this.partition, query), { what: `a checkpoint at ${next} or later` });
  }

  command(...args: readonly string[]): Promise<Finished> {
    return run(args, { env: this.stand.env });
  }
}

/** UPSTREAM's, as an operator writes it. */
export const POLICY = {
  apiVersion: 'policy.openservicemesh.io/v1alpha1',
  kind: 'UpstreamTrafficSetting',
  metadata: { name: 'shop', namespace: 'default' },
  spec: { host: UPSTREAM, connectionSettings: { http: { circuitBreaking: { statTimeWindow: '10m', errorAmountThreshold: THRESHOLD, degradedTimeWindow: '200ms' } } } },
};

function setting() {
  const read = readDocument(POLICY);
  if (!('document' in read)) throw new Error(JSON.stringify(read));
  return read.document;
}

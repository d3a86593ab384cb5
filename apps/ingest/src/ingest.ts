/**
 * The write side: outcomes in, transitions and snapshots out, and the directory's documents into the control log. Owns
 * its partitions' actors (libs/engine/src/owner.ts has the order of things).
 */
import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { DRIVERS, type Drivers } from '#drivers';
import { Checkpointer, ControlView, Pump, type IngestVitals, type OwnerObserver, type OwnerOptions, type PartitionHandler, type StateUpdate, type Stop } from '#engine';
import { LastMinute, RUNTIME, persist, type Runtime } from '#runtime';
import { partitionOf, type DocumentText } from '#wire';
import { Directory } from './directory.ts';
import { observe } from './observer.ts';
import { positionMetrics } from './position-metrics.ts';

/** How often the pump is asked whether time must be moved (C2, T5), ms. */
const PULSE_MS = 100;
/** What a commit may be answered. */
const ANSWERS_MAX = 16;

@Injectable()
export class Ingest {
  readonly #drivers: Drivers;
  readonly #runtime: Runtime;
  readonly #stops: Stop[] = [];
  readonly #stopping = new AbortController();
  readonly #commits = new LastMinute(ANSWERS_MAX);
  #pump: Pump | undefined;

  constructor(@Inject(DRIVERS) drivers: Drivers, @Inject(RUNTIME) runtime: Runtime) {
    this.#drivers = drivers;
    this.#runtime = runtime;
  }

  /**
   * Settles once partitions are asked for and the documents are published, which takes as long as logs and store are out
   * of reach.
   * @param builtIn documents that the process brings itself; absent: without a directory it brings none, and takes none back
   */
  async start(builtIn?: readonly DocumentText[]): Promise<void> {
    const { config, logger, metrics, health } = this.#runtime;
    const documents = health.condition('documents', 'the documents have not been read yet');
    await this.#drivers.prepare();
    const controlView = new ControlView(this.#drivers.control);
    this.#stops.push(await this.#drivers.publishDocuments(controlView));
    const directory = new Directory(this.#drivers.control, { path: config.configDir, builtIn, logger }, controlView);
    this.#stops.push(() => directory.stop());
    await persist(() => directory.start(), {
      signal: this.#stopping.signal,
      onFailure: (error, waitMs) => logger.warn({ err: error }, `the documents could not be read or published; trying again in ${waitMs} ms`),
    });
    if (this.#stopping.signal.aborted) return;

    const group = this.#group;
    if (config.isStandby) logger.info('this ingest is a hot standby: it folds too, and commits changes of state');
    const observer = this.#counting(observe(this.#runtime, group));
    const checkpointer = new Checkpointer(this.#drivers.checkpoints, {
      recordsEach: config.checkpointRecords,
      onError: (partition, error) => observer.postponed(partition, 'writing a checkpoint', error),
    });
    const options: OwnerOptions = {
      group,
      isStandby: config.isStandby,
      owns: (upstream, partition) => partitionOf(upstream, this.#drivers.partitions) === partition,
      newId: randomUUID,
      lateAfterMs: config.lateAfterMs,
      lostLog: config.lostLog,
      // One process commits to its own file: cheap, and all there is to lose.
      areQuietCommitsDeferred: config.drivers.kind === 'fleet',
      observer,
    };
    const pump = new Pump({ ...this.#drivers, controlView }, options, config.isStandby ? undefined : checkpointer);
    this.#pump = pump;
    this.#stops.push(await this.#drivers.reader.run(this.#told(pump, observer)));
    positionMetrics(metrics, pump, this.#drivers.reader);
    const pulse = (): void => void (this.#commits.tick(performance.now()), pump.pulse(Date.now()));
    this.#stops.push(await this.#drivers.control.onNews(pulse));
    const timer = setInterval(pulse, PULSE_MS);
    this.#stops.push(async () => clearInterval(timer));
    documents.notReady('the documents are published, and not in force yet');
    const hearInForce = this.#onceInForce(directory.publishedTo, () => documents.ready());
    const hear = (update: StateUpdate): void => {
      hearInForce(update);
      void pump.heard(update);
    };
    const follow = this.#drivers.stateFeed.follow(hear, { withoutSnapshots: true });
    this.#stops.push(await follow);
  }

  /** What it says of itself to people. */
  vitals(): IngestVitals {
    const partitions = (this.#pump?.positions() ?? []).map(({ partition, next }) => ({ partition, next })).toSorted((a, b) => a.partition - b.partition);
    return { group: this.#group, partitions, commits: Object.fromEntries(this.#commits.counts()) };
  }

  get #group(): 'ingest' | 'standby' {
    return this.#runtime.config.isStandby ? 'standby' : 'ingest';
  }

  #counting(observer: OwnerObserver): OwnerObserver {
    return {
      ...observer,
      committed: (partition, answer) => {
        this.#commits.add(answer.kind);
        observer.committed(partition, answer);
      },
    };
  }

  /** The pump, with a line for each partition that comes or goes. */
  #told(pump: Pump, observer: OwnerObserver): PartitionHandler {
    const { logger } = this.#runtime;
    return {
      assigned: async (partition) => {
        const next = await pump.assigned(partition);
        logger.info({ partition, next }, `partition ${partition} is folded here, from offset ${next}`);
        return next;
      },
      take: (partition, records) => pump.take(partition, records),
      revoked: async (partition) => {
        await pump.revoked(partition);
        observer.claimed?.(partition);
        logger.info({ partition }, `partition ${partition} is given up`);
      },
    };
  }

  /** Ready is more than published: each partition has committed a mark that puts the documents in force (C2). */
  #onceInForce(control: number, ready: () => void): (update: StateUpdate) => void {
    const waiting = new Set(Array.from({ length: this.#drivers.partitions }, (_, partition) => partition));
    return ({ partition, meta }) => {
      if (meta !== undefined && meta.control >= control && waiting.delete(partition) && waiting.size === 0) ready();
    };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const stop of this.#stops.splice(0).toReversed()) await stop();
  }
}

/** V4 for people: says in the log and in the metrics that this proxy judges alone; and V7, in the metrics. */
import { Counter, Gauge } from 'prom-client';
import { PROVISIONAL_VERDICTS, type StateCache } from '#engine';
import type { Logger, Metrics } from '#runtime';

/** At each start the states aren't known for a moment: that is no news, ms. */
const SAID_AFTER_MS = 1_000;

export class LocalJudgement {
  readonly #cache: StateCache;
  readonly #logger: Logger;
  /** By the monotonic clock. */
  #sinceMs: number | undefined;
  #isSaid = false;

  constructor(cache: StateCache, { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics }) {
    this.#cache = cache;
    this.#logger = logger;
    gauge(metrics, { name: 'fuseboard_local_partitions', help: 'Partitions whose shared state is unknown or old, so that this proxy judges alone', read: () => cache.judgedLocally });
    gauge(metrics, { name: 'fuseboard_local_open', help: 'Upstreams that this proxy refuses by its own judgement', read: () => cache.openLocally });
    countVerdicts(metrics, cache);
  }

  /** To be called each 100 ms or so. */
  pulse(): void {
    const partitions = this.#cache.judgedLocally;
    if (partitions === 0) return this.#end();
    const nowMs = performance.now();
    this.#sinceMs ??= nowMs;
    if (this.#isSaid || nowMs - this.#sinceMs < SAID_AFTER_MS) return;
    this.#isSaid = true;
    this.#logger.warn({ partitions }, `the shared states are unknown or old (partitions: ${partitions}): this proxy judges its own calls alone meanwhile (docs/proxy.md)`);
  }

  #end(): void {
    this.#sinceMs = undefined;
    if (!this.#isSaid) return;
    this.#isSaid = false;
    this.#logger.info('the shared states are known again: they decide, and what this proxy judged alone is dropped');
  }
}

function gauge(metrics: Metrics, { name, help, read }: { readonly name: string; readonly help: string; readonly read: () => number }): void {
  const made: Gauge = new Gauge({ name, help, registers: [], collect: () => made.set(read()) });
  metrics.registry.registerMetric(made);
}

function countVerdicts(metrics: Metrics, cache: StateCache): void {
  const made: Counter<'verdict'> = new Counter({
    name: 'fuseboard_provisional_total',
    help: 'Times that this proxy refused an upstream by its own outcomes ahead of the fleet, by the verdict that ended it: agreed; none in time; or other',
    labelNames: ['verdict'],
    registers: [],
    collect: () => {
      made.reset();
      for (const verdict of PROVISIONAL_VERDICTS) made.inc({ verdict }, cache.provisionalVerdicts[verdict]);
    },
  });
  metrics.registry.registerMetric(made);
}

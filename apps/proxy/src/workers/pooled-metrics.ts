/**
 * The metrics of a primary and its workers as one page. Counters are sums, those of workers that have ended included,
 * so that none goes back; gauges keep who they are of, in the label `worker`.
 */
import { AggregatorRegistry } from 'prom-client';
import type { MetricList } from './link.ts';

export class PooledMetrics {
  /** The newest of each process that lives. */
  readonly #newest = new Map<string, MetricList>();
  /** Counters of those that have ended. */
  #ended: MetricList = [];

  heard(worker: string, metrics: MetricList): void {
    this.#newest.set(worker, metrics);
  }

  /** What it counted since it was heard last is lost. */
  async ended(worker: string): Promise<void> {
    const last = this.#newest.get(worker) ?? [];
    this.#newest.delete(worker);
    this.#ended = await sum([this.#ended, last.filter(isSummed)]).getMetricsAsJSON();
  }

  /** Prometheus' text. */
  async text(): Promise<string> {
    const labelled = [...this.#newest].map(([worker, metrics]) => metrics.map((metric) => (isSummed(metric) ? metric : withWorker(metric, worker))));
    return await sum([...labelled, this.#ended]).metrics();
  }
}

function sum(lists: readonly MetricList[]): ReturnType<typeof AggregatorRegistry.aggregate> {
  return AggregatorRegistry.aggregate(lists.flatMap((list) => (list.length === 0 ? [] : [list])));
}

/** prom-client's declarations call the type a number; it is a word. */
function isSummed({ type }: MetricList[number]): boolean {
  return String(type) !== 'gauge';
}

function withWorker(metric: MetricList[number], worker: string): MetricList[number] {
  // Each has labels of its own by now, whatever its own way of being joined was.
  return { ...metric, aggregator: 'sum', values: metric.values.map((value) => ({ ...value, labels: { ...value.labels, worker } })) };
}

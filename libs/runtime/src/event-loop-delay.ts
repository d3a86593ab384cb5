/**
 * How late this process's event loop is: nothing is answered, accepted or told while it is busy with one thing. Node
 * tells the time between two firings of a timer, so the timer's own period is taken off.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Gauge } from 'prom-client';

/** ms. */
const PERIOD_MS = 10;

/** Since it was asked last. `statistic`, since the label `quantile` is kept to summaries, which can't be read so. */
export function eventLoopDelay(): Gauge {
  const histogram = monitorEventLoopDelay({ resolution: PERIOD_MS });
  histogram.enable();
  const seconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - PERIOD_MS) / 1_000;
  const gauge: Gauge = new Gauge({
    name: 'fuseboard_event_loop_delay_seconds',
    help: 'How late the event loop was since the last scrape',
    labelNames: ['statistic'],
    registers: [],
    collect: () => {
      gauge.set({ statistic: 'p50' }, seconds(histogram.percentile(50)));
      gauge.set({ statistic: 'p99' }, seconds(histogram.percentile(99)));
      gauge.set({ statistic: 'max' }, histogram.count === 0 ? 0 : seconds(histogram.max));
      histogram.reset();
    },
  });
  return gauge;
}

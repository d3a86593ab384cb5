/** How far each partition is folded that this process owns, and how much of it is left. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge } from 'prom-client';
import type { OutcomeReader, Pump } from '#engine';
import type { Metrics } from '#runtime';

/** How long a scrape waits for the log's ends, ms; a log that is out of reach has none, and its lag is left out. */
const ENDS_WITHIN_MS = 1_000;

export function positionMetrics({ registry }: Metrics, pump: Pick<Pump, 'positions'>, reader: Pick<OutcomeReader, 'bounds'>): void {
  const next: Gauge = new Gauge({
    name: 'fuseboard_partition_next_offset',
    help: 'Offset of the first record not folded, of each partition that this process owns',
    labelNames: ['partition'],
    collect: () => {
      next.reset();
      for (const position of pump.positions()) next.set({ partition: position.partition }, position.next);
    },
    registers: [],
  });
  const lag: Gauge = new Gauge({
    name: 'fuseboard_partition_lag_records',
    help: 'Records that are in the log and not folded, of each partition that this process owns',
    labelNames: ['partition'],
    collect: async () => {
      const lags = await Promise.all(pump.positions().map(async (position) => ({ ...position, end: await endOf(reader, position.partition) })));
      lag.reset();
      for (const { partition, next: folded, end } of lags) if (end !== undefined) lag.set({ partition }, Math.max(0, end - folded));
    },
    registers: [],
  });
  registry.registerMetric(next);
  registry.registerMetric(lag);
}

async function endOf(reader: Pick<OutcomeReader, 'bounds'>, partition: number): Promise<number | undefined> {
  const end = reader.bounds(partition).then(({ next }) => next, () => undefined);
  return await Promise.race([end, sleep(ENDS_WITHIN_MS, undefined, { ref: false })]);
}

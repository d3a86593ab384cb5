/** How far each partition is folded that this process owns. */
import { Gauge } from 'prom-client';
import type { Pump } from '#engine';
import type { Metrics } from '#runtime';

export function positionMetrics({ registry }: Metrics, pump: Pump): void {
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
  registry.registerMetric(next);
}

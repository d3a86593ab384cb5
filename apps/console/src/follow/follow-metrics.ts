import { Gauge } from 'prom-client';
import type { Metrics } from '#runtime';
import type { StateFanout } from './state-fanout.ts';

/** Who takes states from here, read when it is asked for. */
export function followMetrics({ registry }: Metrics, fanout: StateFanout): void {
  const gauge = (name: string, help: string, read: () => number): void => {
    const made: Gauge = new Gauge({ name, help, registers: [registry], collect: () => made.set(read()) });
  };
  gauge('fuseboard_followers', 'Proxies (workers count as such) that take their states from this console', () => fanout.size);
  gauge('fuseboard_followers_behind', 'Of them, those that are owed more than they could take so far', () => fanout.behind);
}

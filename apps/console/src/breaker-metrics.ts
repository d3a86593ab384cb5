/** What the breakers say, as gauges that are read when they are asked for. */
import { Gauge } from 'prom-client';
import { OTHER, type Metrics } from '#runtime';
import type { ReadModel } from './read-model.ts';

/** Breakers by state, and each one's `admit`; upstreams beyond the bound of `Metrics` are in the former alone. */
export function breakerMetrics(metrics: Metrics, model: ReadModel): void {
  const byState = new Gauge({
    name: 'fuseboard_breakers',
    help: 'Breakers by state',
    labelNames: ['state'],
    registers: [],
    collect: () => {
      const counts = { closed: 0, open: 0 };
      for (const name of model.names()) {
        const state = model.breaker(name)?.snapshot.state;
        if (state !== undefined) counts[state] += 1;
      }
      for (const [state, count] of Object.entries(counts)) byState.set({ state }, count);
    },
  });
  const admit = new Gauge({
    name: 'fuseboard_breaker_admit',
    help: 'Share of calls let through, 0 to 1',
    labelNames: ['upstream'],
    registers: [],
    collect: () => {
      for (const name of model.names()) {
        const upstream = metrics.upstreamLabel(name);
        if (upstream !== OTHER) admit.set({ upstream }, model.breaker(name)?.snapshot.admit ?? 1);
      }
    },
  });
  metrics.registry.registerMetric(byState);
  metrics.registry.registerMetric(admit);
}

/** What the breakers say, as gauges that are read when they are asked for. */
import { Gauge } from 'prom-client';
import { OTHER, type Metrics } from '#runtime';
import type { ReadModel } from './read-model.ts';

/** Breakers by state, and each one's `admit`; upstreams beyond the bound of `Metrics` are in the former alone. */
export function breakerMetrics(metrics: Metrics, model: ReadModel): void {
  const byState = new Gauge({
    name: 'fuseboard_breakers',
    help: 'Breakers by state; would-open: open by a policy that is not enforced',
    labelNames: ['state'],
    registers: [],
    collect: () => {
      const counts = { closed: 0, open: 0, 'would-open': 0 };
      for (const name of model.names()) {
        const snapshot = model.breaker(name)?.snapshot;
        if (snapshot !== undefined) counts[snapshot.state === 'open' && snapshot.admit > 0 ? 'would-open' : snapshot.state] += 1;
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

/** Readiness as figures, for alerts: what `/readyz` says in words. */
import { Gauge } from 'prom-client';
import type { Health } from './health.ts';
import type { Metrics } from './metrics.ts';

export function gaugeHealth({ registry }: Metrics, health: Health): void {
  const ready: Gauge = new Gauge({ name: 'fuseboard_ready', help: '1: ready, 0: not', registers: [registry], collect: () => ready.set(health.ready().ok ? 1 : 0) });
  const missing: Gauge = new Gauge({
    name: 'fuseboard_missing_conditions',
    help: 'Conditions that are not met, whether readiness needs them or not; /readyz names them',
    registers: [registry],
    collect: () => missing.set(health.missing().length),
  });
}

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expect, it } from 'vitest';
import type { MetricList } from './link.ts';
import { PooledMetrics } from './pooled-metrics.ts';

/** What one process has counted, as its metrics go through the channel. */
async function counted({ calls, connections, seconds }: { calls: number; connections: number; seconds: number }): Promise<MetricList> {
  const registry = new Registry();
  new Counter({ name: 'calls_total', help: 'c', labelNames: ['answer'], registers: [registry] }).inc({ answer: 'upstream' }, calls);
  new Gauge({ name: 'connections', help: 'g', registers: [registry], aggregator: 'omit' }).set(connections);
  new Histogram({ name: 'pauses_seconds', help: 'h', buckets: [1], registers: [registry] }).observe(seconds);
  return JSON.parse(JSON.stringify(await registry.getMetricsAsJSON())) as MetricList;
}

it('counters and histograms are sums; gauges say whose they are', async () => {
  const pooled = new PooledMetrics();
  pooled.heard('1', await counted({ calls: 3, connections: 5, seconds: 0.5 }));
  pooled.heard('2', await counted({ calls: 4, connections: 6, seconds: 2 }));
  const text = await pooled.text();
  expect(text).toContain('calls_total{answer="upstream"} 7');
  expect(text).toContain('connections{worker="1"} 5');
  expect(text).toContain('connections{worker="2"} 6');
  expect(text).toContain('pauses_seconds_bucket{le="1"} 1');
  expect(text).toContain('pauses_seconds_count 2');
});

it('no counter goes back when a worker ends and another begins at zero; its gauges go with it', async () => {
  const pooled = new PooledMetrics();
  pooled.heard('1', await counted({ calls: 3, connections: 5, seconds: 0.5 }));
  for (const calls of [10, 20]) {
    pooled.heard('2', await counted({ calls, connections: 6, seconds: 2 }));
    await pooled.ended('2');
  }
  const between = await pooled.text();
  expect(between).toContain('calls_total{answer="upstream"} 33');
  expect(between).not.toContain('worker="2"');
  pooled.heard('2', await counted({ calls: 1, connections: 1, seconds: 2 }));
  const after = await pooled.text();
  expect(after).toContain('calls_total{answer="upstream"} 34');
  expect(after).toContain('pauses_seconds_count 4');
  expect(after).toContain('connections{worker="2"} 1');
});

it('a worker that ends unheard leaves nothing', async () => {
  const pooled = new PooledMetrics();
  await pooled.ended('1');
  expect((await pooled.text()).trim()).toBe('');
});

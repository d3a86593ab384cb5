/** What the data plane holds at this moment, as gauges. */
import { Counter, Gauge } from 'prom-client';
import type { HttpProxy, RouteStats } from '#http-proxy';
import type { Metrics } from '#runtime';

export function gaugeDataPlane(metrics: Pick<Metrics, 'registry' | 'upstreamLabel'>, http: Pick<HttpProxy, 'stats'>): void {
  const whole = (name: string, help: string, read: () => number): void => {
    const gauge: Gauge = new Gauge({ name, help, registers: [metrics.registry], collect: () => gauge.set(read()) });
  };
  const perUpstream = (name: string, help: string, of: Exclude<keyof RouteStats, 'route' | 'upstream'>): void => {
    const gauge: Gauge<'upstream'> = new Gauge({
      name,
      help,
      labelNames: ['upstream'],
      registers: [metrics.registry],
      collect: () => {
        // Of routes that are gone nothing is left, and of those that nobody called there is nothing yet.
        gauge.reset();
        for (const stats of http.stats().routes) gauge.inc({ upstream: metrics.upstreamLabel(stats.upstream ?? '') }, stats[of]);
      },
    });
  };
  whole('fuseboard_proxy_client_connections', 'Connections of clients', () => http.stats().clientConnections);
  whole('fuseboard_proxy_calls_in_flight', 'Calls that went on to an upstream and are not over', () => http.stats().callsInFlight);
  const floods: Counter = new Counter({
    name: 'fuseboard_proxy_http2_floods_total',
    help: 'HTTP/2 connections of clients that were closed for too many resets or invalid frames',
    registers: [metrics.registry],
    collect: () => {
      floods.reset();
      floods.inc(http.stats().http2Floods);
    },
  });
  perUpstream('fuseboard_proxy_upstream_connections', 'Connections to an upstream that count against maxConnections', 'connections');
  perUpstream('fuseboard_proxy_upstream_requests', 'Requests in flight at an upstream', 'inFlight');
  perUpstream('fuseboard_proxy_upstream_pending', 'Requests that wait for a connection', 'pending');
}

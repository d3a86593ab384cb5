/**
 * The process that holds the listeners of a proxy with several workers: it accepts connections, hands each to a worker
 * in turn, keeps the workers alive and speaks for all of them on the admin address. It serves no calls itself.
 */
import { Counter, Gauge } from 'prom-client';
import { formatAddress, proxyUrl, serveAdmin, type HealthReport, type Metrics, type Process } from '#runtime';
import type { WorkerLink } from './link.ts';
import { PooledMetrics } from './pooled-metrics.ts';
import { WorkerPool } from './worker-pool.ts';

/** For a worker to tell outcomes and close, once its calls have ended, ms; then it is killed. */
const AFTER_DRAIN_MS = 2_500;
/** FUSEBOARD_INSTANCE takes 128 characters; `-w128` is the longest end. */
const INSTANCE_MAX = 123;
const OWN = 'primary';

/** @throws {StartError} naming what is wrong with a setting, an address or a file. */
export async function runPrimary(begun: Process): Promise<void> {
  const { runtime, stopper } = begun;
  const { config, logger, health, metrics } = runtime;
  const { workers, drainMs } = config.proxy;
  const pooled = new PooledMetrics();
  const pool = new WorkerPool({
    workers,
    env: (worker) => ({ FUSEBOARD_INSTANCE: `${config.instance.slice(0, INSTANCE_MAX)}-w${worker}` }),
    logger,
    onEnded: (worker) => {
      ends.inc();
      void pooled.ended(`${worker}`);
    },
    onHopeless: (why) => {
      logger.fatal(`${why}: ending`);
      void stopper.stop(why);
    },
  });
  const ends = gaugeWorkers(metrics, pool);
  await serveAdmin(begun, {
    health: { alive: () => joined(pool, 'alive', health.alive()), ready: () => joined(pool, 'ready', health.ready()) },
    metrics: { registry: { contentType: metrics.registry.contentType, metrics: () => scraped({ pool, pooled, metrics }) } },
  });
  stopper.onStop('workers', () => pool.stop(drainMs + AFTER_DRAIN_MS));
  stopper.onStop('readiness', () => health.stopping());
  const address = await pool.start();
  logger.info({ address: formatAddress(address), workers }, `proxy: ${proxyUrl(config, address)}, by ${workers} workers`);
}

/** Gives the counter of workers that have ended. */
function gaugeWorkers({ registry }: Metrics, pool: WorkerPool): Counter {
  const listening: Gauge = new Gauge({
    name: 'fuseboard_proxy_workers',
    help: 'Workers that serve calls',
    registers: [registry],
    collect: () => listening.set(pool.listening),
  });
  return new Counter({ name: 'fuseboard_proxy_worker_ends_total', help: 'Workers that have ended', registers: [registry] });
}

/** As the primary and all workers together are: what one of them lacks, the proxy lacks. */
async function joined(pool: WorkerPool, what: 'alive' | 'ready', own: HealthReport): Promise<HealthReport> {
  const reports = await Promise.all(pool.links.map(async ({ number, link }) => ({ number, report: await reportOf(link, what) })));
  const bad = reports.filter(({ report }) => !report.ok);
  const status = { alive: ['alive', 'broken'], ready: ['ready', 'not-ready'] }[what][own.ok && bad.length === 0 ? 0 : 1];
  const shown = Object.fromEntries(reports.map(({ number, report }) => [number, report.body]));
  return { ok: own.ok && bad.length === 0, body: { ...own.body, status, workers: shown } };
}

async function reportOf(link: WorkerLink | undefined, what: 'alive' | 'ready'): Promise<HealthReport> {
  // One that is being replaced is no reason to end the others.
  if (link === undefined) return { ok: what === 'alive', body: { status: 'starting' } };
  return (await link.ask(what)) ?? { ok: false, body: { status: 'no answer' } };
}

async function scraped({ pool, pooled, metrics }: { readonly pool: WorkerPool; readonly pooled: PooledMetrics; readonly metrics: Metrics }): Promise<string> {
  pooled.heard(OWN, await metrics.registry.getMetricsAsJSON());
  await Promise.all(
    pool.links.map(async ({ number, link }) => {
      const heard = await link?.ask('metrics');
      // One that ended meanwhile has been counted in.
      if (heard !== undefined && pool.links[number - 1]?.link === link) pooled.heard(`${number}`, heard);
    }),
  );
  return await pooled.text();
}

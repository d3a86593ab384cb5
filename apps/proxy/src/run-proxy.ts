/**
 * One process that serves calls: the only one, or a worker. It only joins things, and by hand: there are many proxies and
 * workers, and Nest would be a third of what each of them holds and loads.
 */
import cluster from 'node:cluster';
import { openProxyDriversFor } from '#drivers';
import { Heart, formatAddress, proxyUrl, serveAdmin, type Process } from '#runtime';
import { openTracing } from './open-tracing.ts';
import { Proxy } from './proxy.ts';
import { answerPrimary } from './workers/link.ts';

/** @throws {StartError} naming what is wrong with a setting, an address or a file. */
export async function runProxy(begun: Process): Promise<void> {
  const { runtime, stopper } = begun;
  const { config, logger, health } = runtime;
  const primary = cluster.isWorker ? answerPrimary(runtime) : undefined;
  if (primary === undefined) await serveAdmin(begun);
  const drivers = await openProxyDriversFor(runtime);
  stopper.onStop('drivers', () => drivers.close());

  const proxy = new Proxy(drivers, runtime, await openTracing(runtime));
  const heart = new Heart({ presence: drivers.presence, runtime, parts: { proxy: () => proxy.vitals() } });
  stopper.onStop('heartbeat', () => heart.stop());
  stopper.onStop('proxy', () => proxy.stop());
  stopper.onStop('readiness', () => health.stopping());
  const address = await proxy.start();
  if (primary === undefined) logger.info({ address: formatAddress(address) }, `proxy: ${proxyUrl(config, address)}`);
  else primary.listening(address);
  heart.start();
  // Calls are served meanwhile (V4).
  await drivers.prepare();
}

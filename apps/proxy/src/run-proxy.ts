/** One process that serves calls: the only one, or a worker. It only joins things. */
import 'reflect-metadata';
import cluster from 'node:cluster';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DriversModule, openProxyDriversFor } from '#drivers';
import { Heart, RuntimeModule, formatAddress, nestLogger, proxyUrl, serveAdmin, type Process } from '#runtime';
import { ProxyModule } from './proxy.module.ts';
import { Proxy } from './proxy.ts';
import { answerPrimary } from './workers/link.ts';

@Module({})
class ProxyProcessModule {}

/** @throws {StartError} naming what is wrong with a setting, an address or a file. */
export async function runProxy(begun: Process): Promise<void> {
  const { runtime, stopper } = begun;
  const { config, logger, health } = runtime;
  const primary = cluster.isWorker ? answerPrimary(runtime) : undefined;
  if (primary === undefined) await serveAdmin(begun);
  const drivers = openProxyDriversFor(runtime);
  stopper.onStop('drivers', () => drivers.close());

  const root = { module: ProxyProcessModule, imports: [RuntimeModule.forRoot(runtime), DriversModule.forRoot(drivers), ProxyModule] };
  const app = await NestFactory.createApplicationContext(root, { logger: nestLogger(logger), abortOnError: false });
  const proxy = app.get(Proxy);
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

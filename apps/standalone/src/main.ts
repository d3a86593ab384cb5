/** `npm start`: ingest, proxy and console in one process, on the embedded drivers. It only joins them. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DriversModule, openEmbedded } from '#drivers';
import { Heart, RuntimeModule, beginProcess, formatAddress, nestLogger, proxyUrl, runMain } from '#runtime';
import { startConsole } from '../../console/src/start-console.ts';
import { IngestModule } from '../../ingest/src/ingest.module.ts';
import { Ingest } from '../../ingest/src/ingest.ts';
import { ProxyModule } from '../../proxy/src/proxy.module.ts';
import { Proxy } from '../../proxy/src/proxy.ts';
import { demoCurl, startDemo } from './demo.ts';

@Module({ imports: [IngestModule, ProxyModule] })
class StandaloneModule {}

await runMain(async () => {
  const { runtime, stopper } = beginProcess('standalone');
  const { config, logger, health } = runtime;
  const drivers = openEmbedded({
    dataDir: config.drivers.kind === 'embedded' ? config.drivers.dataDir : '',
    onError: (error, doing) => logger.error({ err: error }, `${doing} failed and will be tried again`),
  });
  stopper.onStop('drivers', () => drivers.close());
  const demo = config.demo ? await startDemo() : undefined;
  stopper.onStop('demo', () => demo?.close());

  const root = { module: StandaloneModule, imports: [RuntimeModule.forRoot(runtime), DriversModule.forRoot(drivers)] };
  const app = await NestFactory.createApplicationContext(root, { logger: nestLogger(logger), abortOnError: false });
  const [ingest, proxy] = [app.get(Ingest), app.get(Proxy)];
  await ingest.start(demo?.documents ?? []);
  stopper.onStop('ingest', () => ingest.stop());
  const proxyAddress = await proxy.start();
  logger.info({ address: formatAddress(proxyAddress) }, `proxy: ${proxyUrl(config, proxyAddress)}`);
  if (demo !== undefined) process.stdout.write(`${demoCurl(proxyAddress)}\n`);

  const running = await startConsole({ drivers, runtime });
  const { httpAddress, grpcAddress } = running;
  const heart = new Heart({ presence: drivers.presence, runtime, parts: { ingest: () => ingest.vitals(), proxy: () => proxy.vitals(), console: () => running.vitals() } });
  stopper.onStop('heartbeat', () => heart.stop());
  heart.start();
  stopper.onStop('console', () => running.close());
  stopper.onStop('proxy', () => proxy.stop());
  stopper.onStop('readiness', () => health.stopping());
  logger.info({ address: formatAddress(httpAddress) }, `console: http://${formatAddress(httpAddress)}/, /api/v1/breakers, /readyz, /metrics`);
  logger.info({ address: formatAddress(grpcAddress) }, `gRPC: ${formatAddress(grpcAddress)}, try: npx fuseboard get --server ${formatAddress(grpcAddress)}`);
});

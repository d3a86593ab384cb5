/** `npm run start:ingest`: the write side, on Kafka and Redis. It only joins things. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DriversModule, openFleetFor } from '#drivers';
import { RuntimeModule, beginProcess, formatAddress, nestLogger, runMain, startAdminServer } from '#runtime';
import { IngestModule } from './ingest.module.ts';
import { Ingest } from './ingest.ts';

@Module({})
class IngestProcessModule {}

await runMain(async () => {
  const { runtime, stopper } = beginProcess('ingest');
  const { config, logger, health, metrics } = runtime;
  const admin = await startAdminServer({ listen: config.adminListen, health, metrics });
  stopper.onStop('admin', () => admin.close());
  logger.info({ address: formatAddress(admin.address) }, `admin: http://${formatAddress(admin.address)}/readyz, /healthz, /metrics`);
  const drivers = openFleetFor(runtime);
  stopper.onStop('drivers', () => drivers.close());

  const root = { module: IngestProcessModule, imports: [RuntimeModule.forRoot(runtime), DriversModule.forRoot(drivers), IngestModule] };
  const app = await NestFactory.createApplicationContext(root, { logger: nestLogger(logger), abortOnError: false });
  const ingest = app.get(Ingest);
  stopper.onStop('ingest', () => ingest.stop());
  stopper.onStop('readiness', () => health.stopping());
  await ingest.start();
});

/** `npm run start:ingest`: the write side, on Kafka and Redis. It only joins things. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DriversModule, openFleetFor } from '#drivers';
import { Heart, RuntimeModule, beginProcess, nestLogger, runMain, serveAdmin } from '#runtime';
import { IngestModule } from './ingest.module.ts';
import { Ingest } from './ingest.ts';

@Module({})
class IngestProcessModule {}

await runMain(async () => {
  const begun = beginProcess('ingest');
  const { runtime, stopper } = begun;
  const { logger, health } = runtime;
  await serveAdmin(begun);
  const drivers = openFleetFor(runtime);
  stopper.onStop('drivers', () => drivers.close());

  const root = { module: IngestProcessModule, imports: [RuntimeModule.forRoot(runtime), DriversModule.forRoot(drivers), IngestModule] };
  const app = await NestFactory.createApplicationContext(root, { logger: nestLogger(logger), abortOnError: false });
  const ingest = app.get(Ingest);
  const heart = new Heart({ presence: drivers.presence, runtime, parts: { ingest: () => ingest.vitals() }, sweeps: true });
  stopper.onStop('heartbeat', () => heart.stop());
  stopper.onStop('ingest', () => ingest.stop());
  heart.start();
  stopper.onStop('readiness', () => health.stopping());
  await ingest.start();
});

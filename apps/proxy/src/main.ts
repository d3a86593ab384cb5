/** `npm run start:proxy`: the data plane, on Kafka and Redis. It only joins things. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DriversModule, beginMember } from '#drivers';
import { RuntimeModule, formatAddress, nestLogger, runMain } from '#runtime';
import { ProxyModule } from './proxy.module.ts';
import { Proxy } from './proxy.ts';

@Module({})
class ProxyProcessModule {}

await runMain(async () => {
  const { runtime, stopper, drivers } = await beginMember('proxy');
  const { logger, health } = runtime;

  const root = { module: ProxyProcessModule, imports: [RuntimeModule.forRoot(runtime), DriversModule.forRoot(drivers), ProxyModule] };
  const app = await NestFactory.createApplicationContext(root, { logger: nestLogger(logger), abortOnError: false });
  const proxy = app.get(Proxy);
  stopper.onStop('proxy', () => proxy.stop());
  stopper.onStop('readiness', () => health.stopping());
  const address = await proxy.start();
  logger.info({ address: formatAddress(address) }, `proxy: http://${formatAddress(address)}`);
  // Calls are served meanwhile (V4).
  await drivers.prepare();
});

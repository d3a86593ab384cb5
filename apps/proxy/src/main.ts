/** `npm run start:proxy`: the data plane, on Kafka and Redis. It only joins things. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DriversModule, openFleetFor } from '#drivers';
import { RuntimeModule, beginProcess, formatAddress, nestLogger, runMain, startAdminServer } from '#runtime';
import { ProxyModule } from './proxy.module.ts';
import { Proxy } from './proxy.ts';

@Module({})
class ProxyProcessModule {}

await runMain(async () => {
  const { runtime, stopper } = beginProcess('proxy');
  const { config, logger, health, metrics } = runtime;
  const admin = await startAdminServer({ listen: config.adminListen, health, metrics });
  stopper.onStop('admin', () => admin.close());
  logger.info({ address: formatAddress(admin.address) }, `admin: http://${formatAddress(admin.address)}/readyz, /healthz, /metrics`);
  const drivers = openFleetFor(runtime);
  stopper.onStop('drivers', () => drivers.close());

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

import { Module } from '@nestjs/common';
import { DRIVERS, type Drivers } from '#drivers';
import { RUNTIME, type Runtime } from '#runtime';
import { TRACING, openTracing, type Tracing } from './open-tracing.ts';
import { Proxy } from './proxy.ts';

/** Needs DriversModule and RuntimeModule, both global. */
@Module({
  providers: [
    { provide: TRACING, inject: [RUNTIME], useFactory: openTracing },
    { provide: Proxy, inject: [DRIVERS, RUNTIME, TRACING], useFactory: (drivers: Drivers, runtime: Runtime, tracing?: Tracing) => new Proxy(drivers, runtime, tracing) },
  ],
  exports: [Proxy],
})
export class ProxyModule {}

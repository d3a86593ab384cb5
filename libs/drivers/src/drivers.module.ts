/** Hands an opened set of drivers to every part of a process. Closing it stays with who opened it. */
import { Module, type DynamicModule } from '@nestjs/common';
import { DRIVERS, type Drivers, type ProxyDrivers } from './drivers.ts';

@Module({})
export class DriversModule {
  static forRoot(drivers: Drivers | ProxyDrivers): DynamicModule {
    return {
      module: DriversModule,
      global: true,
      providers: [{ provide: DRIVERS, useValue: drivers }],
      exports: [DRIVERS],
    };
  }
}

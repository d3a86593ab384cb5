/** Hands an opened set of drivers to every part of a process. Closing it stays with who opened it. */
import type { DynamicModule } from '@nestjs/common';
import { DRIVERS, type Drivers, type ProxyDrivers } from './drivers.ts';

/** Without a decorator, so that who joins parts by hand doesn't load Nest. */
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

import { Inject, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { expect, onTestFinished, test } from 'vitest';
import { DRIVERS, type Drivers } from './drivers.ts';
import { DriversModule } from './drivers.module.ts';
import { openEmbedded } from './embedded/embedded.ts';

@Module({})
class NeedyModule {
  readonly drivers: Drivers;

  constructor(@Inject(DRIVERS) drivers: Drivers) {
    this.drivers = drivers;
  }
}

test('every module of a process is handed the drivers that were opened, and leaves them open', async () => {
  const drivers = openEmbedded({ dataDir: ':memory:' });
  onTestFinished(() => drivers.close());
  const root = { ...DriversModule.forRoot(drivers), imports: [NeedyModule] };
  const context = await NestFactory.createApplicationContext(root, { logger: false });
  expect(context.get(NeedyModule).drivers).toBe(drivers);
  await context.close();
  expect(await drivers.control.read(0)).toEqual([]);
});

import { Module, type DynamicModule } from '@nestjs/common';
import { DRIVERS } from '#drivers';
import { RUNTIME, type Runtime } from '#runtime';
import { BreakerQueries, type ConsoleDrivers } from './breaker-queries.ts';
import { Feeds } from './feeds.ts';
import { GrpcController } from './grpc.controller.ts';
import { HealthController } from './health.controller.ts';
import { HttpController } from './http.controller.ts';
import { ReadModel } from './read-model.ts';

const model = { provide: ReadModel, useFactory: () => new ReadModel({ nowMs: Date.now, monotonicMs: () => performance.now() }) };

@Module({})
export class ConsoleModule {
  static forRoot(drivers: ConsoleDrivers, runtime: Runtime): DynamicModule {
    return {
      module: ConsoleModule,
      controllers: [HttpController, HealthController, GrpcController],
      providers: [{ provide: DRIVERS, useValue: drivers }, { provide: RUNTIME, useValue: runtime }, model, BreakerQueries, Feeds],
    };
  }
}

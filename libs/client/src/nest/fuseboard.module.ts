/** `FuseboardModule.forRoot(…)`: the client for all of an application, from its start to the end of its last call. */
import { Inject, Logger, Module, type DynamicModule, type FactoryProvider, type ModuleMetadata, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { Fuseboard } from '../fuseboard.ts';
import type { FuseboardOptions } from '../options.ts';
import { DegradedAnswerFilter } from './degraded-answer.filter.ts';

export interface FuseboardAsyncOptions extends Pick<ModuleMetadata, 'imports'>, Pick<FactoryProvider<FuseboardOptions>, 'inject'> {
  readonly useFactory: FactoryProvider<FuseboardOptions>['useFactory'];
}

@Module({})
export class FuseboardModule implements OnModuleInit, OnApplicationShutdown {
  readonly #fuseboard: Fuseboard;

  constructor(@Inject(Fuseboard) fuseboard: Fuseboard) {
    this.#fuseboard = fuseboard;
  }

  /** Problems go to Nest's log, unless `onProblem` is given. */
  static forRoot(options: FuseboardOptions): DynamicModule {
    return FuseboardModule.forRootAsync({ useFactory: () => options });
  }

  static forRootAsync({ imports = [], inject = [], useFactory }: FuseboardAsyncOptions): DynamicModule {
    const logger = new Logger('Fuseboard');
    const open = async (...given: unknown[]): Promise<Fuseboard> =>
      new Fuseboard({ onProblem: (problem) => logger.warn(problem), ...(await useFactory(...given)) });
    return {
      module: FuseboardModule,
      global: true,
      imports,
      providers: [
        { provide: Fuseboard, inject, useFactory: open },
        { provide: APP_FILTER, useClass: DegradedAnswerFilter },
      ],
      exports: [Fuseboard],
    };
  }

  /** Waits for nobody: until the states are known, calls pass. */
  onModuleInit(): void {
    this.#fuseboard.start();
  }

  /** When the application takes no more calls, what became of the last ones is told. */
  async onApplicationShutdown(): Promise<void> {
    await this.#fuseboard.close();
  }
}

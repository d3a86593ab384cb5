/**
 * What each part of a process is given beside its ports: one token, so that an app's classes say in one line where
 * configuration, log, metrics and health come from.
 */
import type { DynamicModule } from '@nestjs/common';
import type { Config } from './config.ts';
import type { Health } from './health.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

export interface Runtime {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
}

/** Injection token of `Runtime`. */
export const RUNTIME = Symbol('Runtime');

/** Without a decorator, so that who joins parts by hand doesn't load Nest. */
export class RuntimeModule {
  static forRoot(runtime: Runtime): DynamicModule {
    return {
      module: RuntimeModule,
      global: true,
      providers: [{ provide: RUNTIME, useValue: runtime }],
      exports: [RUNTIME],
    };
  }
}

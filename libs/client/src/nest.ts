/** For applications made with Nest: a module and a decorator. docs/client.md */
export { FuseboardModule, type FuseboardAsyncOptions } from './nest/fuseboard.module.ts';
export { Guarded, type GuardedOptions } from './nest/guarded.decorator.ts';
export { UpstreamOpenException } from './nest/upstream-open-exception.ts';

import { Module } from '@nestjs/common';
import { RUNTIME } from '#runtime';
import { TRACING, openTracing } from './open-tracing.ts';
import { Proxy } from './proxy.ts';

/** Needs DriversModule and RuntimeModule, both global. */
@Module({ providers: [Proxy, { provide: TRACING, inject: [RUNTIME], useFactory: openTracing }], exports: [Proxy] })
export class ProxyModule {}

import { Module } from '@nestjs/common';
import { Proxy } from './proxy.ts';

/** Needs DriversModule and RuntimeModule, both global. */
@Module({ providers: [Proxy], exports: [Proxy] })
export class ProxyModule {}

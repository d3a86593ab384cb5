import { Module } from '@nestjs/common';
import { Ingest } from './ingest.ts';

/** Needs DriversModule and RuntimeModule, both global. */
@Module({ providers: [Ingest], exports: [Ingest] })
export class IngestModule {}

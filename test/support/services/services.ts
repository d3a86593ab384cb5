/** What a `*.services.spec.ts` takes its Kafka and Redis from: one of each for the whole run, shared by all. */
import { randomBytes } from 'node:crypto';
import { inject } from 'vitest';

/** Where this run's servers are. */
export interface ServiceAddresses {
  /** `host:port`, separated by commas. */
  readonly kafkaBrokers: string;
  /** `redis://…`. */
  readonly redisUrl: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly services: ServiceAddresses | { readonly missing: string };
  }
}

/** Real Kafka and Redis, which answer. Others use them at the same time: keep to a {@link uniquePrefix}. */
export function services(): ServiceAddresses {
  const given = inject('services');
  if ('missing' in given) throw new Error(given.missing);
  return given;
}

/** For the topics and keys of one test; letters and digits. */
export function uniquePrefix(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

/** One question to the first console that answers it: what does this breaker say now? */
import { status, type CallOptions, type Client, type Metadata, type ServiceError } from '@grpc/grpc-js';
import type { BreakerMessage } from '#wire';
import { consoleService, type ConsoleCredentials } from './console-service.ts';
import { failureOf, type FollowFailure } from './follow-failure.ts';

interface BreakerService extends Client {
  GetBreaker(request: object, metadata: Metadata, options: CallOptions, done: (error: ServiceError | null, answer: BreakerMessage) => void): void;
}

export interface BreakerQuestion {
  readonly upstream: string;
  /** HOST:PORT, at least one; asked in turn. */
  readonly consoles: readonly string[];
  readonly credentials: ConsoleCredentials;
  /** For each console, the connection included, ms. */
  readonly answerMs: number;
}

/**
 * Undefined: no policy ever named the upstream.
 * @throws {FollowFailure} the last console's, in words: none of them answered
 */
export async function askBreaker({ consoles, ...question }: BreakerQuestion): Promise<BreakerMessage | undefined> {
  let failure: FollowFailure | undefined;
  for (const address of consoles) {
    try {
      return await ask(address, question);
    } catch (error) {
      if ((error as Partial<ServiceError>).code === status.NOT_FOUND) return undefined;
      failure = failureOf(error, address);
    }
  }
  throw failure ?? new Error('assertion: no console to ask');
}

async function ask(address: string, { upstream, credentials, answerMs }: Omit<BreakerQuestion, 'consoles'>): Promise<BreakerMessage> {
  const { service, metadata } = consoleService<BreakerService>('BreakerService', address, credentials);
  try {
    return await new Promise((resolve, reject) => {
      service.GetBreaker({ upstream }, metadata, { deadline: Date.now() + answerMs }, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  } finally {
    service.close();
  }
}

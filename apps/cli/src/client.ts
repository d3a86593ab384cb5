/** `fuseboard.v1.BreakerService`, as a client has it. */
import type { CallOptions, Client, ClientReadableStream, Metadata, ServiceError } from '@grpc/grpc-js';
import type { BreakerMessage } from '#wire';
import { failureOf, type Connection } from './connection.ts';
import { ANSWER_MS, consoleServices } from './console-services.ts';

const PAGE_SIZE = 500;

export type StateFilter = 'open' | 'closed';

type Answered<T> = (error: ServiceError | null, answer: T) => void;

interface BreakerService extends Client {
  GetBreaker(request: object, metadata: Metadata, options: CallOptions, done: Answered<BreakerMessage>): void;
  ListBreakers(request: object, metadata: Metadata, options: CallOptions, done: Answered<BreakerPage>): void;
  WatchBreakers(request: object, metadata: Metadata): ClientReadableStream<BreakerMessage>;
}

interface BreakerPage {
  readonly breakers: readonly BreakerMessage[];
  readonly next_page_token: string;
}

export class BreakerClient {
  readonly #connection: Connection;
  readonly #service: BreakerService;
  readonly #metadata: Metadata;

  constructor(connection: Connection) {
    this.#connection = connection;
    const { metadata, make } = consoleServices(connection);
    this.#metadata = metadata;
    this.#service = make('BreakerService') as BreakerService;
  }

  /** @throws {Failure} */
  get(upstream: string): Promise<BreakerMessage> {
    return this.#ask((done) => this.#service.GetBreaker({ upstream }, this.#metadata, deadline(), done));
  }

  /** All of them, page by page. @throws {Failure} */
  async list(state: StateFilter | undefined): Promise<BreakerMessage[]> {
    const breakers: BreakerMessage[] = [];
    const filter = state === undefined ? {} : { state: `STATE_${state.toUpperCase()}` };
    let token: string | undefined = '';
    while (token !== undefined) {
      const request: object = { ...filter, page_size: PAGE_SIZE, page_token: token };
      const page: BreakerPage = await this.#ask((done) => this.#service.ListBreakers(request, this.#metadata, deadline(), done));
      breakers.push(...page.breakers);
      token = page.next_page_token === '' ? undefined : page.next_page_token;
    }
    return breakers;
  }

  /** The caller listens for errors, and ends it by `cancel`; 'metadata' says that it was accepted. @param upstream '': all */
  watch(upstream: string): ClientReadableStream<BreakerMessage> {
    return this.#service.WatchBreakers({ upstream }, this.#metadata);
  }

  close(): void {
    this.#service.close();
  }

  #ask<T>(call: (done: Answered<T>) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      call((error, answer) => (error === null ? resolve(answer) : reject(failureOf(error, this.#connection))));
    });
  }
}

function deadline(): CallOptions {
  return { deadline: Date.now() + ANSWER_MS };
}

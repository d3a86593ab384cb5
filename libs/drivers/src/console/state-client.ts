/** `fuseboard.v1.StateService` of one console, as a client has it: one connection of its own, for one following. */
import type { CallOptions, Client, ClientReadableStream, Metadata, ServiceError } from '@grpc/grpc-js';
import type { FollowMessage, StoreTimeMessage } from '#wire';
import { consoleService, type ConsoleCredentials, type ConsoleService } from './console-service.ts';

/** How long an answer may take, the connection included, ms: a console that a thousand come to at once takes them in turn. */
const ANSWER_MS = 5_000;

interface StateService extends Client {
  Follow(request: object, metadata: Metadata): ClientReadableStream<FollowMessage>;
  GetStoreTime(request: object, metadata: Metadata, options: CallOptions, done: (error: ServiceError | null, answer: StoreTimeMessage) => void): void;
}

export class StateClient {
  readonly #console: ConsoleService<StateService>;

  /** Connects when it is first asked. @param address HOST:PORT */
  constructor(address: string, by: ConsoleCredentials) {
    this.#console = consoleService<StateService>('StateService', address, by);
  }

  /** @throws {ServiceError} */
  storeTime(): Promise<StoreTimeMessage> {
    const { service, metadata } = this.#console;
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + ANSWER_MS };
      service.GetStoreTime({}, metadata, options, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  }

  /** The caller listens for errors, and ends it by `cancel`. */
  follow(): ClientReadableStream<FollowMessage> {
    const { service, metadata } = this.#console;
    return service.Follow({}, metadata);
  }

  close(): void {
    this.#console.service.close();
  }
}

/** What a proxy asks of one console (`StateService`), and tells it (`FleetService`): one connection of its own, for one following. */
import type { CallOptions, Client, ClientReadableStream, ClientWritableStream, Metadata, ServiceError } from '@grpc/grpc-js';
import type { FollowMessage, ProcessMessage, StoreTimeMessage } from '#wire';
import { consoleService, overConnectionOf, type ConsoleCredentials, type ConsoleService } from './console-service.ts';

/** How long an answer may take, the connection included, ms: a console that a thousand come to at once takes them in turn. */
const ANSWER_MS = 5_000;

interface StateService extends Client {
  Follow(request: object, metadata: Metadata): ClientReadableStream<FollowMessage>;
  GetStoreTime(request: object, metadata: Metadata, options: CallOptions, done: (error: ServiceError | null, answer: StoreTimeMessage) => void): void;
}

interface FleetService extends Client {
  Beat(metadata: Metadata, done: (error: ServiceError | null) => void): ClientWritableStream<BeatMessage>;
}

export interface BeatMessage {
  readonly process: ProcessMessage;
  readonly leaving: boolean;
}

export class StateClient {
  readonly #console: ConsoleService<StateService>;
  readonly #fleet: FleetService;

  /** Connects when it is first asked. @param address HOST:PORT */
  constructor(address: string, by: ConsoleCredentials) {
    this.#console = consoleService<StateService>('StateService', address, by);
    this.#fleet = overConnectionOf(this.#console.service, 'FleetService') as FleetService;
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

  /** For beats, until it is ended or `onEnd` says that it was. @param onEnd undefined: in order */
  beats(onEnd: (error: ServiceError | undefined) => void): ClientWritableStream<BeatMessage> {
    return this.#fleet.Beat(this.#console.metadata, (error) => onEnd(error ?? undefined)).on('error', () => undefined);
  }

  close(): void {
    this.#console.service.close();
  }
}

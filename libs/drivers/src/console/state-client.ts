/** `fuseboard.v1.StateService` of one console, as a client has it: one connection of its own, for one following. */
import { Metadata, credentials, loadPackageDefinition, type CallOptions, type Client, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { clientChannel, type ClientPem, type Secret } from '#runtime';
import { PROTO_FILES, protoDir, type FollowMessage, type StoreTimeMessage } from '#wire';

/** How long an answer may take, the connection included, ms: a console that a thousand come to at once takes them in turn. */
const ANSWER_MS = 5_000;
const MESSAGE_MAX_BYTES = 4_194_304;

interface StateService extends Client {
  Follow(request: object, metadata: Metadata): ClientReadableStream<FollowMessage>;
  GetStoreTime(request: object, metadata: Metadata, options: CallOptions, done: (error: ServiceError | null, answer: StoreTimeMessage) => void): void;
}

/** How this process shows itself to a console, and a console to it. */
export interface ConsoleCredentials {
  readonly token: Secret | undefined;
  /** Absent: cleartext. */
  readonly tls: ClientPem | undefined;
}

type StateServiceClass = new (...of: unknown[]) => StateService;

/** Once for all. */
let loaded: StateServiceClass | undefined;

export class StateClient {
  readonly #service: StateService;
  readonly #metadata = new Metadata();

  /** Connects when it is first asked. @param address HOST:PORT */
  constructor(address: string, { token, tls }: ConsoleCredentials) {
    if (token !== undefined) this.#metadata.set('authorization', `Bearer ${token.reveal()}`);
    loaded ??= loadService();
    const channel = clientChannel(address, tls, credentials);
    this.#service = new loaded(address, channel.credentials, {
      ...channel.options,
      'grpc.max_receive_message_length': MESSAGE_MAX_BYTES,
      // Else it shares a connection, and what that knows of failures, with the tries before it.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** @throws {ServiceError} */
  storeTime(): Promise<StoreTimeMessage> {
    return new Promise((resolve, reject) => {
      const options = { deadline: Date.now() + ANSWER_MS };
      this.#service.GetStoreTime({}, this.#metadata, options, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  }

  /** The caller listens for errors, and ends it by `cancel`. */
  follow(): ClientReadableStream<FollowMessage> {
    return this.#service.Follow({}, this.#metadata);
  }

  close(): void {
    this.#service.close();
  }
}

function loadService(): StateServiceClass {
  const definition = loadSync(PROTO_FILES[2], { keepCase: true, longs: Number, enums: String, defaults: true, includeDirs: [protoDir()] });
  const root = loadPackageDefinition(definition) as unknown as { fuseboard: { v1: { StateService: StateServiceClass } } };
  return root.fuseboard.v1.StateService;
}

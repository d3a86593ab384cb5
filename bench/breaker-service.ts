/** `BreakerService` as a program has it by the .proto file. */
import { loadPackageDefinition, type Client, type ClientReadableStream, type GrpcObject, type ServiceClientConstructor, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { PROTO_FILES, protoDir, type BreakerMessage } from '#wire';

export interface ListRequest {
  readonly page_size: number;
  readonly page_token: string;
}

export interface ListedPage {
  readonly breakers: readonly BreakerMessage[];
  readonly next_page_token: string;
}

export interface BreakerClient extends Client {
  ListBreakers(request: ListRequest, callback: (error: ServiceError | null, page: ListedPage) => void): void;
  WatchBreakers(request: object): ClientReadableStream<BreakerMessage>;
}

export interface BreakerService {
  new (...of: ConstructorParameters<typeof Client>): BreakerClient;
  readonly service: ServiceClientConstructor['service'];
}

export function breakerService(): BreakerService {
  const definition = loadSync(PROTO_FILES[0], { keepCase: true, longs: Number, enums: String, defaults: true, includeDirs: [protoDir()] });
  const { v1 } = loadPackageDefinition(definition)['fuseboard'] as GrpcObject;
  return (v1 as GrpcObject)['BreakerService'] as unknown as BreakerService;
}

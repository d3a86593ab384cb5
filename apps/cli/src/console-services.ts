/** The console's gRPC services, as its clients here have them: by the .proto files, over one connection, with its token. */
import { Metadata, credentials, loadPackageDefinition, type Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { clientChannel } from '#runtime/reach';
import { PROTO_FILES, protoDir } from '#wire';
import type { Connection } from './connection.ts';

const MESSAGE_MAX_BYTES = 4_194_304;

/** How long an answer may take, ms. */
export const ANSWER_MS = 10_000;

export type ServiceName = 'BreakerService' | 'ControlService' | 'HistoryService' | 'FleetService';

export interface ConsoleServices {
  /** Of each call. */
  readonly metadata: Metadata;
  /** A service as its .proto has it, to be closed. */
  readonly make: (name: ServiceName) => Client;
}

/** Connects when it is first asked. */
export function consoleServices({ server, tls, token }: Connection): ConsoleServices {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token.reveal()}`);
  const definition = loadSync([...PROTO_FILES], { keepCase: true, longs: Number, enums: String, oneofs: true, defaults: true, includeDirs: [protoDir()] });
  const loaded = loadPackageDefinition(definition) as unknown as { fuseboard: { v1: Record<ServiceName, new (...of: unknown[]) => Client> } };
  const channel = clientChannel(server, tls, credentials);
  const options = { ...channel.options, 'grpc.max_receive_message_length': MESSAGE_MAX_BYTES, 'grpc.keepalive_time_ms': 30_000, 'grpc.keepalive_timeout_ms': 10_000 };
  return { metadata, make: (name) => new loaded.fuseboard.v1[name](server, channel.credentials, options) };
}

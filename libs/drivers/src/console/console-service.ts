/** A console's gRPC services as a client here has them: by the .proto files, one connection for each. */
import { Metadata, credentials, loadPackageDefinition, type Client } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { clientChannel, type ClientPem, type Secret } from '#runtime/reach';
import { PROTO_FILES, protoDir } from '#wire';

const MESSAGE_MAX_BYTES = 4_194_304;

/** How this process shows itself to a console, and a console to it. */
export interface ConsoleCredentials {
  readonly token: Secret | undefined;
  /** Absent: cleartext. */
  readonly tls: ClientPem | undefined;
}

type ServiceName = 'BreakerService' | 'StateService' | 'FleetService';
type Services = Readonly<Record<ServiceName, new (...of: unknown[]) => Client>>;

export interface ConsoleService<T extends Client> {
  /** To be closed. */
  readonly service: T;
  /** Of each call. */
  readonly metadata: Metadata;
}

/** Once for all. */
let loaded: Services | undefined;

/** Connects when it is first asked. @param address HOST:PORT */
export function consoleService<T extends Client>(name: ServiceName, address: string, { token, tls }: ConsoleCredentials): ConsoleService<T> {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token.reveal()}`);
  loaded ??= loadServices();
  const channel = clientChannel(address, tls, credentials);
  const service = new loaded[name](address, channel.credentials, {
    ...channel.options,
    'grpc.max_receive_message_length': MESSAGE_MAX_BYTES,
    // Else it shares a connection, and what that knows of failures, with the tries before it.
    'grpc.use_local_subchannel_pool': 1,
  });
  return { service: service as T, metadata };
}

/** Another service by the connection that this one has, which alone is to be closed. */
export function overConnectionOf(service: Client, name: ServiceName): Client {
  loaded ??= loadServices();
  return new loaded[name]('', credentials.createInsecure(), { channelOverride: service.getChannel() });
}

function loadServices(): Services {
  const definition = loadSync([PROTO_FILES[0], PROTO_FILES[2], PROTO_FILES[3]], { keepCase: true, longs: Number, enums: String, defaults: true, includeDirs: [protoDir()] });
  return (loadPackageDefinition(definition) as unknown as { fuseboard: { v1: Services } }).fuseboard.v1;
}

/** The services as @grpc/proto-loader has them: field names as in the .proto files, states by name. */
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { PROTO_FILES, protoDir } from '#wire';

/** What is served. A service is shown by reflection only once it is here. */
const SERVED = [PROTO_FILES[0]];

export function protoDefinition(): PackageDefinition {
  return loadSync([...SERVED], { keepCase: true, longs: Number, enums: String, oneofs: true, defaults: true, includeDirs: [protoDir()] });
}

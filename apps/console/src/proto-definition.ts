/** The services as @grpc/proto-loader has them: field names as in the .proto files, states by name. */
import { loadSync, type MethodDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { PROTO_FILES, protoDir } from '#wire';

/** What is served. A service is shown by reflection only once it is here. */
const SERVED = [PROTO_FILES[0], PROTO_FILES[2]];

export function protoDefinition(): PackageDefinition {
  const definition = loadSync([...SERVED], { keepCase: true, longs: Number, enums: String, oneofs: true, defaults: true, includeDirs: [protoDir()] });
  const { Follow } = definition['fuseboard.v1.StateService'] as unknown as { readonly Follow: MethodDefinition<object, object> };
  // One message goes to many: whoever serves it has encoded it (follow-messages.ts).
  Follow.responseSerialize = (message) => message as Buffer;
  return definition;
}

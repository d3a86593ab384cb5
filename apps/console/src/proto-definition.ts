/** The services as @grpc/proto-loader has them: field names as in the .proto files, states by name. */
import { loadSync, type MethodDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { PROTO_FILES, protoDir } from '#wire';

export function protoDefinition(): PackageDefinition {
  const definition = loadSync([...PROTO_FILES], { keepCase: true, longs: Number, enums: String, oneofs: true, defaults: true, includeDirs: [protoDir()] });
  const { Follow } = definition['fuseboard.v1.StateService'] as unknown as { readonly Follow: MethodDefinition<object, object> };
  // One message goes to many: whoever serves it has encoded it (follow-messages.ts).
  Follow.responseSerialize = (message) => message as Buffer;
  const { WatchBreakers } = definition['fuseboard.v1.BreakerService'] as unknown as { readonly WatchBreakers: MethodDefinition<object, object> };
  WatchBreakers.responseSerialize = encodedOnce(WatchBreakers.responseSerialize);
  return definition;
}

/** The same object again is the same bytes: it must not be changed once it was sent. */
function encodedOnce(encode: (message: object) => Buffer): (message: object) => Buffer {
  const encoded = new WeakMap<object, Buffer>();
  return (message) => {
    const known = encoded.get(message);
    if (known !== undefined) return known;
    const bytes = encode(message);
    encoded.set(message, bytes);
    return bytes;
  };
}

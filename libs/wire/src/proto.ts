/** Where the descriptions of our surfaces are: the .proto files, for the gRPC loaders, and the OpenAPI document. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Relative to `protoDir()`, which is also the include directory. */
export const PROTO_FILES = ['fuseboard/v1/breaker.proto', 'fuseboard/v1/control.proto', 'fuseboard/v1/state.proto', 'fuseboard/v1/fleet.proto'] as const;

const ROOTS_MAX = 8;

/** Of the console's HTTP, YAML. */
export function openApiFile(): string {
  return join(dirname(protoDir()), 'openapi.yaml');
}

/**
 * The compiler copies no .proto files, so from `dist/` as from the sources they are found at `libs/wire/proto` of the
 * nearest directory above that has it. A package or image has to hold that directory.
 */
export function protoDir(): string {
  let root = import.meta.dirname;
  for (let i = 0; i < ROOTS_MAX; i++) {
    const dir = join(root, 'libs', 'wire', 'proto');
    if (existsSync(join(dir, PROTO_FILES[0]))) return dir;
    root = dirname(root);
  }
  throw new Error(`libs/wire/proto is missing above ${import.meta.dirname}: the .proto files have to be shipped with the program`);
}

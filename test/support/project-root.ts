import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** From the sources and from dist/ alike: the folder that holds package.json. */
export function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

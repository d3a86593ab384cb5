/** Fuseboard's own version, from its package.json: above this file in the sources, in what is built of them, and in the client's package. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const NAMES: readonly (string | undefined)[] = ['fuseboard', '@fuseboard/client'];

export const VERSION = read(import.meta.dirname);

function read(directory: string): string {
  try {
    const found = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { name?: string; version?: string };
    if (NAMES.includes(found.name) && found.version !== undefined) return found.version;
  } catch {
    // Not in this directory: look above it.
  }
  const above = dirname(directory);
  if (above === directory) throw new Error('no package.json of fuseboard above its own files');
  return read(above);
}

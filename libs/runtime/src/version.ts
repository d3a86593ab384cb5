/** Fuseboard's own version, from its package.json: above this file both in the sources and in what is built of them. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const VERSION = read(import.meta.dirname);

function read(directory: string): string {
  try {
    const found = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as { name?: string; version?: string };
    if (found.name === 'fuseboard' && found.version !== undefined) return found.version;
  } catch {
    // Not in this directory: look above it.
  }
  const above = dirname(directory);
  if (above === directory) throw new Error('no package.json of fuseboard above its own files');
  return read(above);
}

/** Builds when it is needed, then runs a program in this very process, so that signals reach it and not a wrapper. */
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, ensureBuilt } from './build.mjs';

/** Where a program's main file may be, below dist/. */
const PLACES = [(name) => `apps/${name}/src/main.js`, (name) => `test/${name}/main.js`, (name) => `${name}/main.js`];

/** @param {string} name of apps/NAME, test/NAME or NAME itself */
export async function launch(name, argv) {
  try {
    await ensureBuilt();
  } catch (error) {
    process.stderr.write(`Fuseboard can't start: ${error.message}\n`);
    process.exit(1);
  }
  const candidates = /^[a-z]+$/.test(name) ? PLACES.map((place) => join(ROOT, 'dist', place(name))) : [];
  const main = candidates.find((path) => existsSync(path));
  if (main === undefined) {
    process.stderr.write(`"${name}" is none of Fuseboard's programs: there is no apps/${name}/src/main.ts\n`);
    process.exit(2);
  }
  keepCompiled();
  process.argv = [process.execPath, main, ...argv];
  await import(pathToFileURL(main).href);
}

/**
 * What V8 made of the modules is kept beside them, and spares the next start a seventh of its time; by workers too, which
 * this process starts. Where it can't be written, as in an image, what is there is read; where it can't be read, it is done without.
 */
function keepCompiled() {
  process.env.NODE_COMPILE_CACHE ??= join(ROOT, 'dist/.compiled');
  enableCompileCache();
}

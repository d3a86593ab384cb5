/** Builds when it is needed, then runs a program in this very process, so that signals reach it and not a wrapper. */
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, ensureBuilt } from './build.mjs';

/** Where a program's main file may be, below dist/. */
const PLACES = [(name) => `apps/${name}/src/main.js`, (name) => `test/${name}/main.js`, (name) => `${name}/main.js`];

/**
 * What V8 is told of a program's memory. Little that a proxy makes lives longer than its call: a young generation as large as
 * V8 lets it grow holds 25 MB for nothing.
 */
const V8_FLAGS = { proxy: ['--max-semi-space-size=4'] };

/** @param {string} name of apps/NAME, test/NAME or NAME itself */
export async function launch(name, argv) {
  beginWith(V8_FLAGS[name] ?? []);
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
 * V8 takes such flags only as it begins: this process begins anew with them, under the same id. Those that it was given in
 * another size stay, and so does all where the system has no such thing.
 */
function beginWith(flags) {
  const given = `${process.execArgv.join(' ')} ${process.env.NODE_OPTIONS ?? ''}`;
  const missing = flags.filter((flag) => !given.includes(flag.split('=')[0]));
  if (missing.length === 0 || process.platform === 'win32') return;
  process.execve(process.execPath, [process.execPath, ...missing, ...process.execArgv, ...process.argv.slice(1)], process.env);
}

/**
 * What V8 made of the modules is kept beside them, and spares the next start a seventh of its time; by workers too, which
 * this process starts. Where it can't be written, as in an image, what is there is read; where it can't be read, it is done without.
 */
function keepCompiled() {
  process.env.NODE_COMPILE_CACHE ??= join(ROOT, 'dist/.compiled');
  enableCompileCache();
}

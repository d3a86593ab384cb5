/** Builds when it is needed, then runs one of apps/ in this very process, so that signals reach it and not a wrapper. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, ensureBuilt } from './build.mjs';

export async function launch(app, argv) {
  try {
    await ensureBuilt();
  } catch (error) {
    process.stderr.write(`Fuseboard can't start: ${error.message}\n`);
    process.exit(1);
  }
  const main = join(ROOT, 'dist/apps', app, 'src/main.js');
  if (!/^[a-z]+$/.test(app) || !existsSync(main)) {
    process.stderr.write(`"${app}" is none of Fuseboard's processes; allowed: ${apps().join(', ')}\n`);
    process.exit(2);
  }
  process.argv = [process.execPath, main, ...argv];
  await import(pathToFileURL(main).href);
}

function apps() {
  const built = join(ROOT, 'dist/apps');
  return existsSync(built) ? readdirSync(built).filter((each) => existsSync(join(built, each, 'src/main.js'))) : [];
}

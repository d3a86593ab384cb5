/**
 * Compiles the sources into dist/ when they are newer than what is there. Several starts at once build once: who builds
 * holds a lock, and the lock is SQLite's own on a file, so it ends with its holder, however that ends.
 */
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const SOURCES = ['apps', 'libs', 'bench', 'scripts', 'test/faults', 'test/scenarios', 'test/support'];
const SETTINGS = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json'];
/** What the built files read beside themselves, and tsc does not copy. */
const ASSET = /\.(?:proto|json|yaml)$/;
/** What the console's page is built from. */
const PAGE = /\.(?:tsx|css|html|svg)$/;
const LOCK_WAIT_MAX_MS = 300_000;

/** Builds if needed. Where there are only built files, as in an image, they are taken as they are. Throws if it can't. */
export async function ensureBuilt(root = ROOT) {
  if (!existsSync(join(root, 'tsconfig.build.json'))) return;
  if (isBuilt(root)) return;
  mkdirSync(join(root, 'dist'), { recursive: true });
  const { DatabaseSync } = await import('node:sqlite');
  const lock = new DatabaseSync(join(root, 'dist/.lock'));
  try {
    lock.exec(`PRAGMA busy_timeout = ${LOCK_WAIT_MAX_MS}; BEGIN EXCLUSIVE`);
    if (!isBuilt(root)) await build(root);
  } finally {
    lock.close();
  }
}

function isBuilt(root) {
  const stamp = join(root, 'dist/.stamp');
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === fingerprint(root);
}

async function build(root) {
  process.stderr.write('building…\n');
  const { spawnSync } = await import('node:child_process');
  // Taken before the compiler reads, so that what changes meanwhile is built the next time.
  const built = fingerprint(root);
  if (!existsSync(join(root, 'dist/.stamp'))) rmSync(join(root, 'dist/.tsbuildinfo'), { force: true });
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, error } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error(`the build failed${error === undefined ? ': see above' : `: ${error.message}`}`);
  for (const path of files(root).filter((each) => each.startsWith('libs/') && ASSET.test(each))) cpSync(join(root, path), join(root, 'dist', path));
  if (existsSync(join(root, 'apps/console/page'))) await (await import('./build-page.mjs')).buildPage(root);
  writeFileSync(join(root, 'dist/.stamp.new'), built);
  renameSync(join(root, 'dist/.stamp.new'), join(root, 'dist/.stamp'));
}

/** Changes with any source's path, size or time: newer alone would miss a file deleted, or an older one put back. */
function fingerprint(root) {
  const hash = createHash('sha256');
  for (const path of files(root)) {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

function files(root) {
  const inFolders = SOURCES.filter((folder) => existsSync(join(root, folder))).flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && isRead(entry.name))
      .map((entry) => join(entry.parentPath, entry.name).slice(join(root, '/').length)),
  );
  return [...SETTINGS.filter((name) => existsSync(join(root, name))), ...inFolders.toSorted()];
}

/** Does the build read it? */
function isRead(name) {
  return name.endsWith('.ts') ? !name.endsWith('.spec.ts') : ASSET.test(name) || PAGE.test(name);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { checkNodeVersion } = await import('./node-version.mjs');
  checkNodeVersion();
  await ensureBuilt().catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
}

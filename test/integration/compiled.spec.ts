/** What V8 made of a program's modules is kept for its next start, and nothing depends on that. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { projectRoot } from '../support/project-root.ts';

/** Runs it from the project's root; gives what it says, and what Node says of its compile cache. */
async function node(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: projectRoot(), env: { ...process.env, NODE_OPTIONS: '', NODE_DEBUG_NATIVE: 'COMPILE_CACHE', ...env }, maxBuffer: 67_108_864 });
  return `${stdout}${stderr}`;
}

const VERSION = ['scripts/run.mjs', 'cli', '--version'];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fuseboard-compiled-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a program is read as it was compiled at its first start, from beside what was built', { timeout: 120_000 }, async () => {
  await node(VERSION);
  expect(await node(VERSION)).toMatch(/dist\/\.compiled\/.*\n.*code cache for ESM file:.*\/dist\/apps\/cli\/src\/program\.js was accepted/);
});

test('where nothing can be kept a program runs as well', { timeout: 120_000 }, async () => {
  expect(await node(VERSION, { NODE_COMPILE_CACHE: '/dev/null/nowhere' })).toMatch(/^\d+\.\d+\.\d+$/m);
});

test('an image can have all of it: each process is started once, and ends by itself', { timeout: 240_000 }, async () => {
  const kept = folder();
  await node(['scripts/fill-compiled.mjs'], { NODE_COMPILE_CACHE: kept, NODE_DEBUG_NATIVE: '' });
  expect(readdirSync(kept)).toHaveLength(1);
  for (const main of ['apps/ingest/src/ingest.js', 'apps/proxy/src/run-proxy.js', 'apps/console/src/start-console.js', 'apps/ingest/src/ingest.module.js']) {
    expect(await node(['-e', `import('./dist/${main}')`], { NODE_COMPILE_CACHE: kept })).toContain(`/dist/${main} was accepted`);
  }
});

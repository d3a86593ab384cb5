/**
 * Builds the console's page (apps/console/page) into dist/apps/console/page: an index.html and assets that are named by
 * what is in them, each with what gzip and brotli make of it, so that the console packs nothing while it runs.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const PACKED = /\.(?:html|js|css|svg)$/;

export async function buildPage(root) {
  // Not at the top: where there are only built files there is no vite.
  const { build } = await import('vite');
  const outDir = join(root, 'dist/apps/console/page');
  await build({
    root: join(root, 'apps/console/page'),
    configFile: false,
    envDir: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir,
      emptyOutDir: true,
      target: ['chrome125', 'firefox128', 'safari17.5'],
      // The page's Content-Security-Policy allows nothing inline.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
  });
  for (const name of readdirSync(outDir, { recursive: true, encoding: 'utf8' })) {
    if (!PACKED.test(name)) continue;
    const path = join(outDir, name);
    const plain = readFileSync(path);
    writeFileSync(`${path}.gz`, gzipSync(plain, { level: 9 }));
    writeFileSync(`${path}.br`, brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length } }));
  }
}

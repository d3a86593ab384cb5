/** The page as it was built: a handful of files, read once, held whole with what `scripts/build-page.mjs` packed of each. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** How a file may lie beside itself, best first. */
const PACKED = [
  { encoding: 'br', suffix: '.br' },
  { encoding: 'gzip', suffix: '.gz' },
] as const;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

export interface PageFile {
  readonly type: string;
  /** Of the file as it is; each encoding adds its name. */
  readonly tag: string;
  /** Its name changes with what is in it, so it never has to be asked for again. */
  readonly isImmutable: boolean;
  readonly plain: Buffer;
  readonly packed: readonly { readonly encoding: 'br' | 'gzip'; readonly body: Buffer }[];
}

/** By path below `/`: `index.html`, `assets/…`. Empty: it was not built. */
export type PageFiles = ReadonlyMap<string, PageFile>;

/** Beside the built console; for one that runs from its sources, where the build would put it. */
export function pageDirectory(): string {
  const isBuilt = import.meta.url.endsWith('.js');
  return fileURLToPath(new URL(isBuilt ? '../../page/' : '../../../../dist/apps/console/page/', import.meta.url));
}

export function readPageFiles(directory: string): PageFiles {
  const files = new Map<string, PageFile>();
  if (!existsSync(directory)) return files;
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const type = TYPES[extname(name)];
    if (type === undefined) continue;
    const path = join(directory, name);
    const plain = readFileSync(path);
    const packed = PACKED.filter(({ suffix }) => existsSync(path + suffix)).map(({ encoding, suffix }) => ({ encoding, body: readFileSync(path + suffix) }));
    const tag = createHash('sha256').update(plain).digest('base64url').slice(0, 16);
    files.set(name, { type, tag, isImmutable: name.startsWith('assets/'), plain, packed });
  }
  return files;
}

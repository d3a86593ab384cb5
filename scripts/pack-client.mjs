/**
 * `npm run pack:client -- [FOLDER]`: the client library as a package of its own, `@fuseboard/client`, in a tarball. It holds
 * the files that its two entries reach and no others, so its dependencies are those that these import.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = join(ROOT, 'dist/client');
const ENTRIES = { '.': 'libs/client/src/index', './nest': 'libs/client/src/nest' };
/** Of `./nest` alone, so whoever doesn't use Nest needs none of them. */
const NEST_PEERS = { '@nestjs/common': '>=12', '@nestjs/core': '>=12', 'reflect-metadata': '>=0.2', rxjs: '>=7' };
const IMPORT = /^(?:import|export)\s+(?:[\w\s,*$]|\{[^}]*\})*?\bfrom\s*'([^'\n]+)'|^import\s*'([^'\n]+)'|\b(?:import|createRequire\(import\.meta\.url\))\(\s*['"]([^'"\n]+)['"]\s*\)/gm;
/** What loading takes that isn't imported by name. */
const ASSETS = ['libs/wire/proto'];

const root = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

compile();
const reached = reach();
dropTheRest();
for (const path of ASSETS) cpSync(join(ROOT, path), join(OUT, path), { recursive: true });
cpSync(join(ROOT, 'LICENSE'), join(OUT, 'LICENSE'));
cpSync(join(ROOT, 'docs/client.md'), join(OUT, 'README.md'));
writeFileSync(join(OUT, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`);
const into = resolve(process.argv[2] ?? join(ROOT, 'dist'));
mkdirSync(into, { recursive: true });
execFileSync('npm', ['pack', OUT, '--pack-destination', into], { stdio: ['ignore', 'inherit', 'ignore'] });

function compile() {
  rmSync(OUT, { recursive: true, force: true });
  const { status } = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', join(ROOT, 'tsconfig.client.json')], { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

/** Files from the entries on, programs and types each by their own imports, and the packages that they name. */
function reach() {
  const [files, packages] = [new Set(), new Set()];
  for (const kind of ['.js', '.d.ts']) {
    const waiting = Object.values(ENTRIES).map((entry) => join(OUT, `${entry}${kind}`));
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (files.has(path)) continue;
      files.add(path);
      for (const found of readFileSync(path, 'utf8').matchAll(IMPORT)) {
        const name = found.slice(1).find((each) => each !== undefined);
        if (name.startsWith('.')) waiting.push(join(dirname(path), name.replace(/\.[jt]s$/, kind)));
        else if (name.startsWith('#')) waiting.push(join(OUT, ownFile(name, kind)));
        else if (!name.startsWith('node:')) packages.add(/^(?:@[^/]+\/)?[^/]+/.exec(name)[0]);
      }
    }
  }
  return { files, packages };
}

function ownFile(name, kind) {
  return root.imports[name].source.replace(/\.ts$/, kind);
}

function dropTheRest() {
  const entries = readdirSync(OUT, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !reached.files.has(path)) rmSync(path);
  }
}

function manifest() {
  const names = [...reached.packages].filter((name) => !(name in NEST_PEERS)).toSorted((a, b) => (a < b ? -1 : 1));
  const imports = Object.entries(root.imports).filter(([, { source }]) => existsSync(join(OUT, source.replace(/\.ts$/, '.js'))));
  return {
    name: '@fuseboard/client',
    version: root.version,
    description: 'Ask a fleet of circuit breakers before you call, and tell it what became of the call',
    license: root.license,
    type: 'module',
    engines: { node: '>=22.12' },
    main: `./${ENTRIES['.']}.js`,
    types: `./${ENTRIES['.']}.d.ts`,
    exports: Object.fromEntries(Object.entries(ENTRIES).map(([name, path]) => [name, { types: `./${path}.d.ts`, default: `./${path}.js` }])),
    imports: Object.fromEntries(imports.map(([name, { source }]) => [name, source.replace(/\.ts$/, '.js')])),
    files: ['libs'],
    dependencies: Object.fromEntries(names.map((name) => [name, root.dependencies[name] ?? missing(name)])),
    peerDependencies: NEST_PEERS,
    peerDependenciesMeta: Object.fromEntries(Object.keys(NEST_PEERS).map((name) => [name, { optional: true }])),
  };
}

function missing(name) {
  throw new Error(`${name} is imported by ${relative(ROOT, OUT)} and is no dependency in package.json`);
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const roots: string[] = [];
afterEach(() => roots.splice(0).forEach((root) => rmSync(root, { recursive: true })));

/** A small project of its own, with this one's compiler. */
function project(): string {
  const root = mkdtempSync(join(tmpdir(), 'fuseboard-build-'));
  roots.push(root);
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(root, 'tsconfig.build.json'),
    '{ "compilerOptions": { "rootDir": ".", "outDir": "dist", "target": "es2024", "module": "nodenext", "incremental": true, "tsBuildInfoFile": "dist/.tsbuildinfo", "types": [] }, "include": ["libs"] }',
  );
  mkdirSync(join(root, 'libs/wire/proto'), { recursive: true });
  writeFileSync(join(root, 'libs/wire/index.ts'), 'export const answer: number = 1;\n');
  writeFileSync(join(root, 'libs/wire/proto/a.proto'), 'syntax = "proto3";\n');
  return root;
}

/** Asks for a build, in a process of its own. */
function builder(root: string) {
  const url = pathToFileURL(join(ROOT, 'scripts/build.mjs')).href;
  const code = `const { ensureBuilt } = await import(${JSON.stringify(url)}); await ensureBuilt(${JSON.stringify(root)});`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => void (output += chunk));
  const ended = once(child, 'close').then(([status]) => ({ status: status as number | null, output }));
  return { child, ended, output: () => output };
}

const built = (root: string): string => readFileSync(join(root, 'dist/libs/wire/index.js'), 'utf8');

describe('a build', () => {
  it('happens when there is none, and then not again', async () => {
    const root = project();
    expect(await builder(root).ended).toEqual({ status: 0, output: 'building…\n' });
    expect(built(root)).toContain('answer = 1');
    expect(existsSync(join(root, 'dist/libs/wire/proto/a.proto'))).toBe(true);
    expect(await builder(root).ended).toEqual({ status: 0, output: '' });
  });

  it('happens again when a source changed, was added, or was deleted', async () => {
    const root = project();
    await builder(root).ended;
    writeFileSync(join(root, 'libs/wire/index.ts'), 'export const answer: number = 42;\n');
    expect((await builder(root).ended).output).toBe('building…\n');
    expect(built(root)).toContain('answer = 42');
    writeFileSync(join(root, 'libs/wire/more.ts'), 'export {};\n');
    expect((await builder(root).ended).output).toBe('building…\n');
    unlinkSync(join(root, 'libs/wire/more.ts'));
    expect((await builder(root).ended).output).toBe('building…\n');
  });

  it('happens once for several starts at once', async () => {
    const root = project();
    const ends = await Promise.all([1, 2, 3, 4].map(() => builder(root).ended));
    expect(ends.map(({ status }) => status)).toEqual([0, 0, 0, 0]);
    expect(ends.map(({ output }) => output).join('')).toBe('building…\n');
  });

  it("is not held up by a builder that was killed", async () => {
    const root = project();
    const first = builder(root);
    await expect.poll(first.output, { timeout: 10_000 }).toContain('building');
    first.child.kill('SIGKILL');
    await first.ended;
    expect((await builder(root).ended).status).toBe(0);
    expect(built(root)).toContain('answer = 1');
  });

  it('that fails shows the compiler\'s words, and is tried again', async () => {
    const root = project();
    writeFileSync(join(root, 'libs/wire/index.ts'), 'export const answer: number = "one";\n');
    for (const attempt of ['first', 'second']) {
      const { status, output } = await builder(root).ended;
      expect({ attempt, status }).toEqual({ attempt, status: 1 });
      expect(output).toContain("Type 'string' is not assignable to type 'number'");
      expect(output).toContain('the build failed: see above');
    }
  });

  it('is no matter where there are built files alone', async () => {
    const root = project();
    await builder(root).ended;
    unlinkSync(join(root, 'tsconfig.build.json'));
    writeFileSync(join(root, 'libs/wire/index.ts'), 'changed');
    expect(await builder(root).ended).toEqual({ status: 0, output: '' });
  });
});

describe('scripts/run.mjs', () => {
  it('says which program it was asked for and does not have, and ends with 2', async () => {
    const child = spawn(process.execPath, [join(ROOT, 'scripts/run.mjs'), 'nothing'], { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (output += chunk));
    const [status] = await once(child, 'close');
    expect(output).toContain('"nothing" is none of Fuseboard\'s programs: there is no apps/nothing/src/main.ts');
    expect(status).toBe(2);
  });
});

describe('a Node that is too old', () => {
  it('is told what is needed, and what to do', async () => {
    const url = pathToFileURL(join(ROOT, 'scripts/node-version.mjs')).href;
    const code = `Object.defineProperty(process, 'versions', { value: { node: '20.20.2' } }); (await import(${JSON.stringify(url)})).checkNodeVersion();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (output += chunk));
    const [status] = await once(child, 'close');
    expect(status).toBe(1);
    expect(output).toContain('Fuseboard needs Node 26 or later');
    expect(output).toContain('start by `npm start` or `npx fuseboard …`');
  });
});

/** `npm pack`: what is in the tarball runs elsewhere, with the production dependencies alone. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { projectRoot } from '../support/project-root.ts';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
}

/** As `npm install --omit=dev TARBALL` would lay it out, but for the packages themselves, which are the checkout's. */
function installed(): string {
  const elsewhere = mkdtempSync(join(tmpdir(), 'fuseboard-packed-'));
  onTestFinished(() => rmSync(elsewhere, { recursive: true }));
  const npm = (...args: string[]): string => execFileSync('npm', args, { cwd: projectRoot(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const [packed] = JSON.parse(npm('pack', '--json', '--silent', '--pack-destination', elsewhere).replace(/^[^[]*/, '')) as { filename: string }[];
  const home = join(elsewhere, 'node_modules/fuseboard');
  mkdirSync(home, { recursive: true });
  execFileSync('tar', ['xzf', join(elsewhere, packed?.filename ?? ''), '-C', home, '--strip-components=1']);
  const { packages } = JSON.parse(readFileSync(join(projectRoot(), 'package-lock.json'), 'utf8')) as Lock;
  for (const [path, { dev }] of Object.entries(packages)) {
    if (dev === true || !/^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(path) || !existsSync(join(projectRoot(), path))) continue;
    mkdirSync(dirname(join(elsewhere, path)), { recursive: true });
    symlinkSync(join(projectRoot(), path), join(elsewhere, path));
  }
  return elsewhere;
}

it('gives a tarball that runs elsewhere, of built files and production dependencies alone', { timeout: 120_000 }, () => {
  const elsewhere = installed();
  const home = 'node_modules/fuseboard';
  const fuseboard = (...args: string[]): string => execFileSync(process.execPath, [join(home, 'bin/fuseboard.mjs'), ...args], { cwd: elsewhere, encoding: 'utf8' });
  const { version } = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as { version: string };
  expect(fuseboard('--version')).toBe(`${version}\n`);
  expect(fuseboard('validate', `${home}/docs/examples/eager.yaml`)).toContain('OK, 1 document');
  expect(JSON.parse(fuseboard('simulate', `${home}/docs/examples/eager.yaml`, `${home}/docs/examples/access.log`, '-o', 'json'))).toMatchObject({ policies: [{ name: 'eager', ledger: { calls: 791 } }] });
  // What the processes need is there too, if they can be asked: a console that nobody runs is said in gRPC's own words.
  expect(() => fuseboard('--server', '127.0.0.1:1', 'get')).toThrow(/no console answers at 127\.0\.0\.1:1/);
  expect(existsSync(join(elsewhere, home, 'apps'))).toBe(false);
  expect(existsSync(join(elsewhere, home, 'dist/apps/console/page/index.html'))).toBe(true);
});

it('`npm run sbom` lists what production installs, and nothing that only development does', () => {
  const { bomFormat, components } = JSON.parse(execFileSync('npm', ['run', '-s', 'sbom'], { cwd: projectRoot(), encoding: 'utf8', maxBuffer: 67_108_864 })) as { bomFormat: string; components: { name: string; purl: string }[] };
  const names = components.map(({ name }) => name);
  expect([bomFormat, names.includes('kafkajs'), names.includes('vitest')]).toEqual(['CycloneDX', true, false]);
  expect(components.every(({ purl }) => purl.startsWith('pkg:npm/'))).toBe(true);
});

/** `@fuseboard/client` as `npm install` of its tarball would lay it out, but for other packages, which are the checkout's. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { projectRoot } from './project-root.ts';

export class PackedClient {
  readonly #folder = mkdtempSync(join(tmpdir(), 'fuseboard-client-'));

  constructor() {
    execFileSync(process.execPath, ['scripts/pack-client.mjs', this.#folder], { cwd: projectRoot(), stdio: ['ignore', 'ignore', 'inherit'] });
  }

  /** A project that has it, and these packages of the checkout beside its dependencies. */
  project(name: string, { packages = [], from }: { readonly packages?: readonly string[]; readonly from?: string } = {}): string {
    const project = join(this.#folder, name);
    const home = join(project, 'node_modules/@fuseboard/client');
    mkdirSync(home, { recursive: true });
    if (from !== undefined) cpSync(from, project, { recursive: true });
    const [tarball = ''] = readdirSync(this.#folder).filter((each) => each.endsWith('.tgz'));
    execFileSync('tar', ['xzf', join(this.#folder, tarball), '-C', home, '--strip-components=1']);
    const { dependencies } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
    for (const each of [...Object.keys(dependencies), ...packages]) {
      mkdirSync(dirname(join(project, 'node_modules', each)), { recursive: true });
      symlinkSync(join(projectRoot(), 'node_modules', each), join(project, 'node_modules', each));
    }
    return project;
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** @throws Error with what the compiler says */
export function compile(project: string): void {
  try {
    execFileSync(process.execPath, [join(projectRoot(), 'node_modules/typescript/bin/tsc'), '-p', project], { encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    throw new Error((error as { stdout: string }).stdout, { cause: error });
  }
}

/** The sources in a temporary directory, where they can be changed and their tests run. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const COPIED = ['apps', 'libs', 'scripts', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
/** A mutant that makes its test run for longer than this is ended, ms. */
const RUN_MAX_MS = 60_000;
/** Lives that go on for longer are ended, ms. */
const LIVES_MAX_MS = 180_000;
/** All the specs together, unchanged, ms. */
const ALL_MAX_MS = 600_000;
/** The same happenings each time: a mutant found once is found always. */
const SEEDED = { FUSEBOARD_SEED: '1', FUSEBOARD_LIVES: '100', FUSEBOARD_CASES: '5000' };

export interface RanTest {
  /** From the project's root. */
  readonly spec: string;
  readonly name: string;
  readonly isGreen: boolean;
}

interface Report {
  readonly testResults: readonly { readonly name: string; readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[] }[];
}

export class SourceCopy {
  readonly #at = realpathSync(mkdtempSync(join(tmpdir(), 'fuseboard-mutants-')));

  constructor() {
    for (const name of COPIED) cpSync(join(ROOT, name), join(this.#at, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(this.#at, 'node_modules'));
  }

  read(file: string): string {
    return readFileSync(join(this.#at, file), 'utf8');
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.#at, file), text);
  }

  /** Those that ran: of the specs, or of the titles in which `title` stands; none where a spec can't be loaded. */
  async run(specs: readonly string[], title?: string): Promise<RanTest[]> {
    const into = join(this.#at, 'report.json');
    rmSync(into, { force: true });
    const only = title === undefined ? [] : ['--bail', '1', '-t', title.replaceAll(/[^\w\s]/g, String.raw`\$&`)];
    const args = ['run', '--project', 'plain', '--reporter', 'json', '--outputFile', into, ...only, ...specs];
    const child = spawn(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), ...args], {
      cwd: this.#at, env: { ...process.env, ...SEEDED }, stdio: 'ignore', timeout: title === undefined ? ALL_MAX_MS : RUN_MAX_MS, killSignal: 'SIGKILL',
    });
    await once(child, 'close');
    if (!existsSync(into)) return [];
    const { testResults } = JSON.parse(readFileSync(into, 'utf8')) as Report;
    return testResults.flatMap(({ name, assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === 'passed' || status === 'failed')
        .map(({ fullName, status }) => ({ spec: relative(this.#at, name), name: fullName, isGreen: status === 'passed' })),
    );
  }

  /** `npm run sim` with these flags. */
  async simulate(flags: readonly string[]): Promise<{ status: number | null; stdout: string }> {
    const child = spawn(process.execPath, ['--conditions=source', 'test/simulation/main.ts', ...flags], {
      cwd: this.#at, stdio: ['ignore', 'pipe', 'ignore'], timeout: LIVES_MAX_MS, killSignal: 'SIGKILL',
    });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => void (stdout += text));
    await once(child, 'close');
    return { status: child.exitCode, stdout };
  }

  remove(): void {
    rmSync(this.#at, { recursive: true, force: true });
  }
}

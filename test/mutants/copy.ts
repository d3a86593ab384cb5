/** The sources in a temporary directory, where they can be changed and their tests run. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Asked, RanTest } from './spec-server.ts';

const ROOT = join(import.meta.dirname, '../..');
const COPIED = ['apps', 'libs', 'scripts', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
/** A mutant that makes its test run for longer than this is ended, ms. */
const RUN_MAX_MS = 180_000;
/** Lives that go on for longer are ended, ms. */
const LIVES_MAX_MS = 180_000;
/** All the specs together, unchanged, ms. */
const ALL_MAX_MS = 600_000;
/** The same happenings each time: a mutant found once is found always. */
const SEEDED = { FUSEBOARD_SEED: '1', FUSEBOARD_LIVES: '100', FUSEBOARD_CASES: '5000' };

export class SourceCopy {
  readonly #at = realpathSync(mkdtempSync(join(tmpdir(), 'fuseboard-mutants-')));
  #server: ChildProcess | undefined;
  #answered: (ran: readonly RanTest[]) => void = () => undefined;

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

  /** Those that ran: of the specs, or of the titles in which `title` stands; none where a spec can't be loaded or a test doesn't end. */
  async run(specs: readonly string[], title?: string): Promise<readonly RanTest[]> {
    if (specs.length === 0) return [];
    const server = (this.#server ??= await this.#startServer());
    const asked: Asked = { specs, ...(title !== undefined && { title: title.replaceAll(/[^\w\s]/g, String.raw`\$&`) }) };
    const answer = new Promise<readonly RanTest[]>((resolve) => (this.#answered = resolve));
    server.send(asked);
    const late = setTimeout(() => this.#endServer(), title === undefined ? ALL_MAX_MS : RUN_MAX_MS);
    const ran = await answer;
    clearTimeout(late);
    return ran;
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
    this.#endServer();
    rmSync(this.#at, { recursive: true, force: true });
  }

  async #startServer(): Promise<ChildProcess> {
    const server = spawn(process.execPath, ['test/mutants/spec-server.ts'], {
      // A group of its own, so that a test that never ends is ended with it.
      cwd: this.#at, env: { ...process.env, ...SEEDED }, stdio: ['ignore', 'ignore', 'inherit', 'ipc'], detached: true,
    });
    const isReady = await Promise.race([once(server, 'message'), once(server, 'exit').then(() => undefined)]);
    if (isReady === undefined) throw new Error('Vitest ended before it was ready');
    server.on('message', (ran: readonly RanTest[]) => this.#answered(ran));
    server.once('exit', () => {
      if (this.#server === server) this.#server = undefined;
      this.#answered([]);
    });
    return server;
  }

  #endServer(): void {
    if (this.#server?.pid !== undefined) process.kill(-this.#server.pid, 'SIGKILL');
    this.#server = undefined;
  }
}

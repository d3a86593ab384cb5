/**
 * One of Fuseboard's processes, as a user has it: built when that is needed, known by what it prints, ended by signals.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import { projectRoot } from './project-root.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** A line of its log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface ProgramOptions {
  /** `standalone`, `ingest`, `proxy` or `console`. */
  readonly name: string;
  readonly args?: readonly string[];
  /** Beside what this process has; `FUSEBOARD_…` and `OTEL_…` of this process are not handed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it begins; default: the project's root. */
  readonly cwd?: string;
}

/** Everything that was started here and may still run, so that none outlives this process. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** How long it may take to end after SIGTERM, ms: its own deadline and a little. */
const STOP_WITHIN_MS = 15_000;
/** How long until it must be ready, a build included, ms. */
const READY_WITHIN_MS = 120_000;

export class Program {
  readonly #child: ChildProcess;
  readonly #ended: Promise<number | null>;
  #hasEnded = false;
  /** Standard output and standard error so far. */
  output = '';

  constructor({ name, args = [], env, cwd = projectRoot() }: ProgramOptions) {
    const inherited = Object.entries(process.env).filter(([variable]) => !/^(?:FUSEBOARD|OTEL)_/.test(variable) && variable !== 'NODE_OPTIONS');
    this.#child = spawn(process.execPath, [...flagsOf(name), join(projectRoot(), 'scripts/run.mjs'), name, ...args], {
      cwd,
      env: { ...Object.fromEntries(inherited), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.#child);
    this.#ended = new Promise((resolve) => this.#child.once('close', (code) => resolve(code)));
    void this.#ended.then(() => {
      this.#hasEnded = true;
      running.delete(this.#child);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => void (this.output += text));
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The exit code, once it has ended; null: by a signal. */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  get log(): readonly LogLine[] {
    return logLines(this.output);
  }

  /** Where it listens, from the log line that says so (`proxy: …`, `admin: …`); undefined: it hasn't said. */
  address(of: string): Address | undefined {
    const address = this.log.find(({ msg }) => msg.startsWith(`${of}: `))?.['address'];
    const [, host, port] = typeof address === 'string' ? (/^(.+):(\d+)$/.exec(address) ?? []) : [];
    return host === undefined || port === undefined ? undefined : { host, port: Number(port) };
  }

  /**
   * Waits for a condition that only a running process can meet.
   * @throws Error with all that it printed, if it ends or the condition isn't met in time; the process is ended then.
   */
  async until<T>(what: string, look: () => Promise<T | undefined> | T | undefined, withinMs = READY_WITHIN_MS): Promise<T> {
    try {
      const found = await eventually(async () => (this.#hasEnded ? { value: undefined } : wrapped(await look())), { what, deadlineMs: withinMs });
      if (found.value !== undefined) return found.value;
      throw new Error(`the process ended with ${await this.#ended} before ${what}`);
    } catch (error) {
      await this.kill();
      throw new Error(`${(error as Error).message}; it printed:\n${this.output}`, { cause: error });
    }
  }

  /** Waits until `/readyz` at that address says yes; gives the address. */
  async untilReady(of: string, withinMs?: number): Promise<Address> {
    return await this.until(`${of} to be ready`, async () => {
      const address = this.address(of);
      return address !== undefined && (await isReady(address)) ? address : undefined;
    }, withinMs);
  }

  /** SIGTERM; gives the exit code, or null where it had to be killed. */
  async stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    const code = await this.#ended;
    clearTimeout(late);
    return code;
  }

  /** SIGKILL: no chance to do anything. Harmless where it has ended. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  /** SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

export async function isReady({ host, port }: Address): Promise<boolean> {
  const answer = await fetch(`http://${host}:${port}/readyz`);
  await answer.arrayBuffer();
  return answer.ok;
}

function wrapped<T>(value: T | undefined): { readonly value: T } | undefined {
  return value === undefined ? undefined : { value };
}

function logLines(output: string): LogLine[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    try {
      return [JSON.parse(line) as LogLine];
    } catch {
      return [];
    }
  });
}

/** What `npm run start:NAME` gives Node. */
function flagsOf(name: string): string[] {
  const { scripts } = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')) as { scripts: Readonly<Record<string, string>> };
  const [, flags = ''] = /^exec node (.*)scripts\/run\.mjs/.exec(scripts[`start:${name}`] ?? '') ?? [];
  return flags.split(' ').filter((flag) => flag !== '');
}

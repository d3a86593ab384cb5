/** The `fuseboard` command as a user has it, in a process of its own. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { projectRoot } from './project-root.ts';

const BIN = join(projectRoot(), 'bin/fuseboard.mjs');

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What it reads from standard input. */
  readonly input?: string;
  /** Default: the test's own. */
  readonly cwd?: string;
}

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export class RunningCommand {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly ended: Promise<Finished>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], { env = {}, input, cwd }: CommandOptions) {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FUSEBOARD_'));
    this.child = spawn(process.execPath, [BIN, ...args], { env: { ...Object.fromEntries(inherited), ...env }, stdio: ['pipe', 'pipe', 'pipe'], ...(cwd !== undefined && { cwd }) });
    this.child.stdin.end(input);
    this.child.stdout.setEncoding('utf8').on('data', (chunk: string) => void (this.stdout += chunk));
    this.child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (this.stderr += chunk));
    this.ended = once(this.child, 'close').then(([status]) => ({ status: status as number | null, stdout: this.stdout, stderr: withoutBuild(this.stderr) }));
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1);
  }
}

/** Whoever comes first after a change builds, and says so. */
function withoutBuild(stderr: string): string {
  return stderr.replace(/^building…\n/, '');
}

export function start(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  return new RunningCommand(args, options);
}

/** Runs it to its end. */
export function run(args: readonly string[], options: CommandOptions = {}): Promise<Finished> {
  return start(args, options).ended;
}

/**
 * `npm start`'s process, as a user has it: built when that is needed, started with flags, known by what it prints, ended
 * by signals. Its addresses are free ports; it is ready when `/readyz` says so.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { eventually } from './eventually.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Addresses {
  readonly proxy: Address;
  readonly console: Address;
  readonly grpc: Address;
}

export interface StandaloneOptions {
  /** Absent: no documents of one's own. */
  readonly configDir?: string;
  readonly dataDir: string;
  /** Default: no. */
  readonly demo?: boolean;
  /** Beside what this process has; `FUSEBOARD_…` of this process are not handed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long until it must be ready, a build included, ms; default 120,000. */
  readonly readyWithinMs?: number;
}

/** A line of its log. */
export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** Everything that was started here and may still run, so that none outlives this process. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** How long it may take to end after SIGTERM, ms: its own deadline and a little. */
const STOP_WITHIN_MS = 15_000;

export class Standalone {
  readonly pid: number;
  readonly addresses: Addresses;
  readonly #spawned: Spawned;

  constructor(spawned: Spawned, addresses: Addresses) {
    this.pid = spawned.child.pid as number;
    this.addresses = addresses;
    this.#spawned = spawned;
  }

  /** Standard output and standard error so far. */
  get output(): string {
    return this.#spawned.output;
  }

  get log(): readonly LogLine[] {
    return logLines(this.#spawned.output);
  }

  /** SIGTERM; gives the exit code, or null where it had to be killed. */
  async stop(): Promise<number | null> {
    const { child, ended } = this.#spawned;
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    const code = await ended;
    clearTimeout(late);
    return code;
  }

  /** SIGKILL: no chance to do anything. Harmless where it has ended. */
  async kill(): Promise<void> {
    this.#spawned.child.kill('SIGKILL');
    await this.#spawned.ended;
  }
}

/** @throws Error with all that it printed, if it ends or isn't ready in time. */
export async function startStandalone(options: StandaloneOptions): Promise<Standalone> {
  const spawned = spawnStandalone(options);
  let hasEnded = false;
  void spawned.ended.then(() => (hasEnded = true));
  try {
    const addresses = await eventually(async () => {
      if (hasEnded) return 'ended' as const;
      const found = addressesIn(spawned.output);
      if (found === undefined) return undefined;
      const answer = await fetch(`http://${found.console.host}:${found.console.port}/readyz`);
      await answer.arrayBuffer();
      return answer.ok ? found : undefined;
    }, { what: 'the process to be ready', deadlineMs: options.readyWithinMs ?? 120_000 });
    if (addresses === 'ended') throw new Error(`the process ended with ${await spawned.ended}`);
    return new Standalone(spawned, addresses);
  } catch (error) {
    spawned.child.kill('SIGKILL');
    await spawned.ended;
    throw new Error(`${(error as Error).message}; it printed:\n${spawned.output}`, { cause: error });
  }
}

interface Spawned {
  readonly child: ChildProcess;
  output: string;
  readonly ended: Promise<number | null>;
}

function spawnStandalone({ configDir, dataDir, demo = false, env }: StandaloneOptions): Spawned {
  const anyPort = '127.0.0.1:0';
  const flags = ['--data', dataDir, '--proxy', anyPort, '--console', anyPort, '--grpc', anyPort];
  if (configDir !== undefined) flags.push('--config', configDir);
  if (!demo) flags.push('--no-demo');
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FUSEBOARD_') && name !== 'NODE_OPTIONS');
  const child = spawn(process.execPath, ['scripts/run.mjs', 'standalone', ...flags], {
    cwd: projectRoot(),
    env: { ...Object.fromEntries(inherited), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  void ended.then(() => running.delete(child));
  const spawned: Spawned = { child, output: '', ended };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => void (spawned.output += text));
  }
  return spawned;
}

/** From the sources and from dist/ alike: the folder that holds package.json. */
function projectRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
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

/** From the log lines that say where it listens, once they are all there. */
function addressesIn(output: string): Addresses | undefined {
  const log = logLines(output);
  const of = (name: string): Address | undefined => {
    const address = log.find(({ msg }) => msg.startsWith(`${name}: `))?.['address'];
    const [, host, port] = typeof address === 'string' ? (/^(.+):(\d+)$/.exec(address) ?? []) : [];
    return host === undefined || port === undefined ? undefined : { host, port: Number(port) };
  };
  const [proxy, console, grpc] = [of('proxy'), of('console'), of('gRPC')];
  return proxy === undefined || console === undefined || grpc === undefined ? undefined : { proxy, console, grpc };
}

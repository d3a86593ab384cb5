/**
 * A server as a child process: known to run when it answers, ended with this process, and startable again on the same
 * port. Its output goes to a file, whose end is shown where it doesn't start.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { onDeath } from './on-death.ts';

export interface ServerCommand {
  /** What it is called in errors. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** A file for what it prints. */
  readonly logFile: string;
  /** Rejects as long as it doesn't answer. */
  readonly answers: () => Promise<void>;
  /** How long until it must answer, ms. */
  readonly readyWithinMs: number;
}

/** How long it may take to end after SIGTERM before it is killed, ms. */
const STOP_WITHIN_MS = 20_000;
/** Between two looks whether it answers, ms: the first few for a Redis, which is there at once, then for a Kafka, which works for seconds. */
const LOOK_EVERY_MS = { first: 20, later: 100 };
const FIRST_LOOKS = 10;
const LOG_TAIL_LINES = 20;

export class ServerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
    // A session of its own, so that Ctrl-C reaches the tests first and they can still finish.
    const release = onDeath(['kill', '-9', `${pid}`]);
    this.#ended = new Promise((resolve) => {
      child.once('exit', () => {
        release();
        resolve();
      });
    });
  }

  /**
   * Starts it and waits until it answers.
   * @throws Error with the end of its output, if it can't be run, ends, or doesn't answer in time.
   */
  static async start(how: ServerCommand): Promise<ServerProcess> {
    const log = openSync(how.logFile, 'w');
    const child = spawn(how.command, how.args, { detached: true, stdio: ['ignore', log, log] });
    closeSync(log);
    const failure = once(child, 'error').then(([error]) => Promise.reject(error as Error));
    failure.catch(() => undefined);
    if (child.pid === undefined) return failure;
    const server = new ServerProcess(child, child.pid);
    child.unref();
    try {
      await Promise.race([failure, server.#answers(how)]);
      return server;
    } catch (error) {
      await server.stop('SIGKILL');
      const tail = readFileSync(how.logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
      throw new Error(`${how.name} ${(error as Error).message}; it printed:\n${tail}`, { cause: error });
    }
  }

  async #answers({ answers, readyWithinMs }: ServerCommand): Promise<void> {
    const endMs = performance.now() + readyWithinMs;
    for (let looks = 0; ; looks++) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null) throw new Error(`ended by itself (${this.#child.exitCode ?? this.#child.signalCode})`);
      try {
        return await answers();
      } catch (error) {
        if (performance.now() > endMs) throw new Error(`did not answer in ${readyWithinMs} ms`, { cause: error });
      }
      await sleep(looks < FIRST_LOOKS ? LOOK_EVERY_MS.first : LOOK_EVERY_MS.later);
    }
  }

  /** Resolves when it has ended; one that ignores SIGTERM is killed. Harmless where it has ended. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#child.ref();
    this.#child.kill(signal);
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await this.#ended;
    clearTimeout(late);
  }
}

/** Below what systems give to outgoing connections, so that a server finds its port free again after a stop. */
const PORTS = { from: 15_000, count: 15_000 };
const PORT_TRIES_MAX = 100;

/** A port on loopback that nobody listens on, and that no outgoing connection is given. */
export async function restartablePort(): Promise<number> {
  for (let tries = 0; tries < PORT_TRIES_MAX; tries++) {
    const port = PORTS.from + Math.floor(Math.random() * PORTS.count);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error(`no free port found in ${PORT_TRIES_MAX} tries`);
}

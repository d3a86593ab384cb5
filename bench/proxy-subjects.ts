/**
 * Processes that are measured or help measuring: how they are started and ended, and what of the CPU and the memory was
 * theirs, by /proc.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keepNowhere } from './proxy-cores.ts';
import type { Said } from './proxy-process.ts';
import { openProfiles } from './proxy-profile.ts';

/** /proc counts CPU time in hundredths of a second, whatever the kernel's own tick. */
export const TICKS_PER_SECOND = 100;
const ANSWERS_WITHIN_MS = 10_000;
const ENDS_WITHIN_MS = 5_000;

/** A proxy, alone in its process or processes. */
export interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
}

/** Everything that a run starts; closing it ends all of that. */
export class BenchStage {
  readonly folder = mkdtempSync(join(tmpdir(), 'fuseboard-bench-'));
  readonly #children: ChildProcess[] = [];
  readonly #closings: (() => Promise<unknown>)[] = [];
  readonly #printProfiles = openProfiles();

  onClose(close: () => Promise<unknown>): void {
    this.#closings.push(close);
  }

  /** A role of proxy-process.ts, which ends with this process. */
  fork(role: string, args: readonly string[] = [], nodeArgs: readonly string[] = []): ChildProcess {
    const file = fileURLToPath(new URL(`./proxy-process${extname(import.meta.filename)}`, import.meta.url));
    return this.#keep(fork(file, [role, ...args], { execArgv: [...process.execArgv, ...nodeArgs] }));
  }

  /** The same of another checkout of this project, which has run a benchmark once, so that it is built. */
  forkOf(checkout: string, role: string, args: readonly string[] = []): ChildProcess {
    const file = fileURLToPath(new URL(`./proxy-process${extname(import.meta.filename)}`, import.meta.url));
    return this.#keep(fork(join(checkout, relative(process.cwd(), file)), [role, ...args], { cwd: checkout, execArgv: process.execArgv }));
  }

  /** @param log the file that its output goes to */
  spawn(command: string, args: readonly string[], log: string): ChildProcess {
    const file = openSync(log, 'a');
    const child = spawn(command, args, { stdio: ['ignore', file, file] });
    closeSync(file);
    return this.#keep(child);
  }

  async close(): Promise<void> {
    keepNowhere();
    for (const close of this.#closings.splice(0).toReversed()) await close();
    await Promise.all(this.#children.map(end));
    this.#printProfiles();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #keep(child: ChildProcess): ChildProcess {
    this.#children.push(child);
    return child;
  }
}

/** A forked role ends by itself when its parent lets go of it, and writes its profile then, if it has one. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const ended = once(child, 'exit');
  if (child.connected) child.disconnect();
  else child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), ENDS_WITHIN_MS);
  await ended;
  clearTimeout(late);
}

/** Waits for the next thing of that kind that the child says. */
export async function heard<K extends Said['kind']>(child: ChildProcess, kind: K): Promise<Extract<Said, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('a process of the benchmark ended early'));
    const onMessage = (said: Said) => {
      if (said.kind !== kind) return;
      child.off('exit', onExit).off('message', onMessage);
      resolve(said as Extract<Said, { kind: K }>);
    };
    child.on('exit', onExit).on('message', onMessage);
  });
}

/** The process and all below it. */
export function processesOf(pid: number): number[] {
  const below = readdirSync(`/proc/${pid}/task`).flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number));
  return [pid, ...below.flatMap(processesOf)];
}

/** User and system time so far of the process and all below it, every thread. */
export function cpuSecondsByProcess(pid: number): Map<number, number> {
  return new Map(processesOf(pid).map((each) => [each, statTicks(each, [11, 12]) / TICKS_PER_SECOND]));
}

export function cpuSeconds(pid: number): number {
  return [...cpuSecondsByProcess(pid).values()].reduce((sum, each) => sum + each, 0);
}

/** User and system time of this process's children that have ended. */
export function endedChildrenCpuSeconds(): number {
  return statTicks(process.pid, [13, 14]) / TICKS_PER_SECOND;
}

/** The name in the second field may hold spaces; fields are counted from its bracket. */
function statTicks(pid: number, fields: readonly number[]): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const all = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.reduce((sum, field) => sum + Number(all[field]), 0);
}

/** Resident memory of the process and all below it, bytes. */
export function residentBytes(pid: number): number {
  return processesOf(pid).reduce((sum, each) => sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${each}/status`, 'latin1'))?.[1]) * 1_024, 0);
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** Until something answers there by HTTP, whatever it says. */
export async function answering(name: string, port: number): Promise<void> {
  for (const untilMs = performance.now() + ANSWERS_WITHIN_MS; performance.now() < untilMs; ) {
    try {
      await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`${name} does not answer`);
}

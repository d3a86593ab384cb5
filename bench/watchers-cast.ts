/** Who watches and who tells, in the benchmark of watchers. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { freeze } from '../test/support/freeze.ts';
import type { MembersOrder, MembersReport } from './watchers-members.ts';

export const WATCHED = 'watched.bench.local';
const PROCESSES = 4;

/** Who tells: what it has used so far. */
export interface Teller {
  readonly cpuMs: () => Promise<number>;
  readonly kib: () => Promise<number>;
}

/** Many who follow, in a few processes. */
export class Watchers {
  readonly #processes: readonly Member[];

  private constructor(processes: readonly Member[]) {
    this.#processes = processes;
  }

  static async begin(of: MembersOrder['of'], members: number, processes = PROCESSES): Promise<Watchers> {
    const share = (index: number): number => Math.floor((members + index) / processes);
    const watchers = new Watchers(Array.from({ length: members === 0 ? 0 : processes }, (_, index) => new Member({ members: share(index), upstream: WATCHED, of })));
    await Promise.all(watchers.#processes.map(({ ready }) => ready));
    return watchers;
  }

  async heard(generation: number): Promise<number[]> {
    return (await Promise.all(this.#processes.map((each) => each.heard(generation)))).flat();
  }

  async freeze(): Promise<void> {
    for (const { child } of this.#processes) await freeze(child.pid as number);
  }

  thaw(): void {
    for (const { child } of this.#processes) child.kill('SIGCONT');
  }

  end(): void {
    for (const { child } of this.#processes) child.kill('SIGKILL');
  }
}

class Member {
  readonly child: ChildProcess;
  readonly ready: Promise<unknown>;

  constructor(order: MembersOrder) {
    this.child = fork(fileURLToPath(new URL(`watchers-members${extname(import.meta.url)}`, import.meta.url)));
    const ended = once(this.child, 'exit').then(([code]) => Promise.reject(new Error(`a process of watchers ended with ${code} before it was ready`)));
    this.ready = Promise.race([once(this.child, 'message'), ended]);
    ended.catch(() => {});
    this.child.send(order);
  }

  heard(generation: number): Promise<readonly number[]> {
    return new Promise((resolve) => {
      const listen = (message: MembersReport): void => {
        if (message.kind !== 'heard' || message.generation !== generation) return;
        this.child.off('message', listen);
        resolve(message.atMs);
      };
      this.child.on('message', listen);
    });
  }
}

/** Clock ticks a second in /proc, as Linux has them. */
const TICKS_PER_SECOND = 100;

export function processTeller(pid: number): Teller {
  return {
    cpuMs: async () => {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
    },
    kib: async () => Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]),
  };
}

/** A bare grpc-js server, to be watched as a console is. */
export async function beginPeer(): Promise<{ of: MembersOrder['of']; teller: Teller; tell: (generation: number) => void; end: () => void }> {
  const child = fork(fileURLToPath(new URL(`watchers-peer${extname(import.meta.url)}`, import.meta.url)));
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return {
    of: { watched: `127.0.0.1:${port}` },
    teller: processTeller(child.pid as number),
    tell: (generation) => void child.send({ upstream: WATCHED, generation, state: 'STATE_CLOSED', admit: 1 }),
    end: () => void child.kill(),
  };
}

export function redisTeller(redis: Redis): Teller {
  const figure = async (section: string, name: string): Promise<number> => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(await redis.info(section))?.[1]);
  return {
    cpuMs: async () => ((await figure('cpu', 'used_cpu_user')) + (await figure('cpu', 'used_cpu_sys'))) * 1_000,
    kib: async () => (await figure('memory', 'used_memory')) / 1_024,
  };
}

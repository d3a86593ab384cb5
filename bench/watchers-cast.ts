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
    const each = { members: members / processes, upstream: WATCHED, of };
    const watchers = new Watchers(Array.from({ length: members === 0 ? 0 : processes }, () => new Member(each)));
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
    this.ready = once(this.child, 'message');
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

export function redisTeller(redis: Redis): Teller {
  const figure = async (section: string, name: string): Promise<number> => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(await redis.info(section))?.[1]);
  return {
    cpuMs: async () => ((await figure('cpu', 'used_cpu_user')) + (await figure('cpu', 'used_cpu_sys'))) * 1_000,
    kib: async () => (await figure('memory', 'used_memory')) / 1_024,
  };
}

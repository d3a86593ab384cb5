/**
 * Load at a fixed rate whatever the answers do, so that a slow answer doesn't hold back the calls behind it: each
 * call's time counts from when it was due, not from when a connection was free for it (no coordinated omission).
 */
import { once } from 'node:events';
import { BenchClient } from './proxy-client.ts';
import { percentile } from './percentiles.ts';
import type { Said } from './proxy-process.ts';
import { cpuSeconds, heard, type BenchStage } from './proxy-subjects.ts';
import { shapeOf, type Work } from './proxy-world.ts';

/** How long the process sleeps between two looks at its sockets: below what is to be told apart, and it leaves the core to others. */
const LOOK_EVERY_MS = 0.05;
const BEGINS_AFTER_MS = 50;
/** Not counted: connections are opened, and the machine gets going. */
const WARM_UP_MS = 500;
/** For calls that were due to be answered, ms. */
const ENDS_WITHIN_MS = 5_000;

export interface PaceOrder {
  readonly port: number;
  readonly work: Work;
  readonly connections: number;
  /** Calls a second. */
  readonly rate: number;
  readonly durationMs: number;
}

export interface Paced {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Due, but not answered as they should be. */
  readonly failed: number;
}

export interface Pace {
  /** Cores: what the generator's own CPU came to. */
  readonly run: (order: PaceOrder) => Promise<Paced & { readonly cores: number }>;
}

export function openPace(stage: BenchStage): Pace {
  const child = stage.fork('pace');
  return {
    run: async (order) => {
      const from = { cpuS: cpuSeconds(child.pid as number), ms: performance.now() };
      child.send(order);
      const { paced } = await heard(child, 'paced');
      return { ...paced, cores: (cpuSeconds(child.pid as number) - from.cpuS) / ((performance.now() - from.ms) / 1_000) };
    },
  };
}

/** The role. */
export async function runPace(say: (said: Said) => void): Promise<void> {
  for (;;) {
    const [order] = (await once(process, 'message')) as [PaceOrder];
    say({ kind: 'paced', paced: await pace(order) });
  }
}

function pace(order: PaceOrder): Promise<Paced> {
  const { port, work, connections, rate, durationMs } = order;
  const everyMs = 1_000 / rate;
  const warmUp = Math.ceil(WARM_UP_MS / everyMs);
  const calls = warmUp + Math.floor(durationMs / everyMs);
  const startMs = performance.now() + BEGINS_AFTER_MS;
  const dueMs = (index: number) => startMs + index * everyMs;
  const callOf = new Map<BenchClient, number>();
  const durations: number[] = [];
  let ended = 0;
  const end = (client: BenchClient, isExpected: boolean) => {
    const index = callOf.get(client) as number;
    if (index >= warmUp && isExpected) durations.push(performance.now() - dueMs(index));
    ended++;
    idle.push(client);
  };
  const clients = Array.from({ length: connections }, () => new BenchClient(port, shapeOf(work), { onAnswer: end, onBroken: (client) => end(client.reopen(), false) }));
  // First in, first out: every connection is in use, not only those that were used last.
  const idle = [...clients];
  let begun = 0;
  const cell = new Int32Array(new SharedArrayBuffer(4));
  return new Promise((resolve) => {
    const look = () => {
      const nowMs = performance.now();
      for (; begun < calls && dueMs(begun) <= nowMs; begun++) {
        const client = idle.shift();
        if (client === undefined) break;
        callOf.set(client, begun);
        client.call();
      }
      if (ended === calls || nowMs > dueMs(calls) + ENDS_WITHIN_MS) {
        for (const client of clients) client.destroy();
        resolve({ p50Ms: percentile(durations, 0.5), p99Ms: percentile(durations, 0.99), p999Ms: percentile(durations, 0.999), failed: calls - warmUp - durations.length });
        return;
      }
      Atomics.wait(cell, 0, 0, LOOK_EVERY_MS);
      setImmediate(look);
    };
    look();
  });
}

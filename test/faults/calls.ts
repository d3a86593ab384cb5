/** Calls through the proxies, at a steady rate, each with its end; and how they went in a span. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, type CallEnd } from '../scenarios/load.ts';
import type { Address } from '../support/program.ts';
import { CALLED } from './upstreams.ts';

const EACH_MS = 20;
/** One of so many is an error. */
const ERROR_EACH = 10;

export interface Called extends CallEnd {
  readonly wanted: number;
  /** By the clock of `performance`. */
  readonly sentAtMs: number;
}

export class Calls {
  readonly ends: Called[] = [];
  readonly #stopping = new AbortController();
  readonly #agents: Agent[] = [];
  #running: Promise<unknown>[] = [];

  /** One loop for each proxy. */
  begin(proxy: Address): void {
    this.#running.push(this.#run(proxy));
  }

  async settle(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
    for (const agent of this.#agents) agent.destroy();
  }

  /** Those that the upstream did not answer as it was told to. */
  get wrong(): readonly Called[] {
    return this.ends.filter(({ status, degraded, wanted }) => degraded || status !== wanted);
  }

  /** Of calls sent in [from, to), by the clock of `performance`; NaN: none. */
  p99Ms(fromMs: number, toMs = Infinity): number {
    const took = this.ends.filter(({ sentAtMs }) => sentAtMs >= fromMs && sentAtMs < toMs).map(({ durationMs }) => durationMs).toSorted((a, b) => a - b);
    return took[Math.min(took.length - 1, Math.ceil(took.length * 0.99) - 1)] ?? Number.NaN;
  }

  async #run(proxy: Address): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#agents.push(agent);
    for (let i = 0; !this.#stopping.signal.aborted; i++) {
      const wanted = i % ERROR_EACH === ERROR_EACH - 1 ? 503 : 200;
      const sentAtMs = performance.now();
      this.ends.push({ ...(await call({ proxy, host: CALLED, path: `/?status=${wanted}` }, agent)), wanted, sentAtMs });
      await sleep(EACH_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }
}

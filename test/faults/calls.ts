/** Calls through the proxies, at a steady rate, each with its end; and how they went in a span. */
import { Agent } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, type CallEnd } from '../scenarios/load.ts';
import type { Address } from '../support/program.ts';
import { CALLED } from './upstreams.ts';

/** Of each proxy's callers. */
export const CONNECTIONS = 3;
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
  readonly #running: Promise<unknown>[] = [];
  /** Ports of proxies that are to end. */
  readonly #leaving = new Set<number>();
  /** By proxies that were to end: each connection's call that was its last. */
  readonly lost: Called[] = [];

  /** One call after the other on each connection. */
  begin(proxy: Address, connections = CONNECTIONS): void {
    for (let i = 0; i < connections; i++) this.#running.push(this.#run(proxy));
  }

  /** That proxy is about to end: what fails there is no fault, and the last call of its connection. */
  leave({ port }: Address): void {
    this.#leaving.add(port);
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
      const end = { ...(await call({ proxy, host: CALLED, path: `/?status=${wanted}` }, agent)), wanted, sentAtMs };
      const isLost = end.failure !== undefined && this.#leaving.has(proxy.port);
      (isLost ? this.lost : this.ends).push(end);
      if (isLost) return;
      await sleep(EACH_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
  }
}

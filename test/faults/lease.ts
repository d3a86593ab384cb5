/** A breaker that is open for callers of every proxy: refused for as long as its lease lasts, whatever happens, and no longer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { call } from '../scenarios/load.ts';
import { eventually } from '../support/eventually.ts';
import type { ProxyMember } from '../support/fleet.ts';
import { claim } from './row.ts';
import { LEASED } from './upstreams.ts';
import type { World } from './world.ts';

const EACH_MS = 25;
/** A proxy's clock is the log's, corrected by the append times of its own sends (T2). */
const CLOCK_OFF_MAX_MS = 1_000;

interface Asked {
  readonly sentMs: number;
  readonly refused: boolean;
}

export class Lease {
  readonly #untilMs: number;
  readonly #stopping = new AbortController();
  readonly #asking: Promise<Asked[]>[];

  private constructor(untilMs: number, proxies: readonly ProxyMember[]) {
    this.#untilMs = untilMs;
    this.#asking = proxies.map((proxy) => this.#ask(proxy));
  }

  /** Trips it, and waits until all of these refuse. Gives the seconds from the store's word to the last one's. */
  static async open(world: World, proxies: readonly ProxyMember[] = world.proxies): Promise<{ readonly lease: Lease; readonly seconds: number }> {
    const before = world.snapshot(LEASED)?.generation ?? 0;
    await world.tripLeased();
    const open = await eventually(() => [world.snapshot(LEASED)].find((found) => found?.state === 'open' && found.generation > before), { what: 'the lease to begin' });
    const fromMs = performance.now();
    await Promise.all(proxies.map((proxy) => eventually(async () => (await isRefused(proxy)) || undefined, { what: 'a proxy to refuse', everyMs: 5 })));
    const seconds = (performance.now() - fromMs) / 1_000;
    return { lease: new Lease(open.untilMs as number, proxies), seconds };
  }

  get leftMs(): number {
    return this.#untilMs - Date.now();
  }

  /** Waits for its end. @throws Error where a call passed before, or none passes soon after */
  async ended(): Promise<string> {
    await sleep(Math.max(0, this.leftMs + 2 * CLOCK_OFF_MAX_MS));
    this.#stopping.abort();
    const asked = await Promise.all(this.#asking);
    const early = asked.flat().filter(({ sentMs, refused }) => !refused && sentMs < this.#untilMs - CLOCK_OFF_MAX_MS);
    claim(early.length === 0, `nothing passes while a lease holds; ${early.length} calls did, the first ${this.#untilMs - (early[0]?.sentMs ?? 0)} ms before its end`);
    const late = asked.flat().filter(({ sentMs, refused }) => refused && sentMs > this.#untilMs + CLOCK_OFF_MAX_MS);
    claim(late.length === 0, `nothing is refused past a lease; ${late.length} calls were, the last ${(late.at(-1)?.sentMs ?? 0) - this.#untilMs} ms after its end`);
    const refused = asked.flat().filter((each) => each.refused).length;
    return `a lease held for ${refused} calls and ended`;
  }

  async #ask(proxy: ProxyMember): Promise<Asked[]> {
    const asked: Asked[] = [];
    while (!this.#stopping.signal.aborted) {
      const sentMs = Date.now();
      asked.push({ sentMs, refused: await isRefused(proxy) });
      await sleep(EACH_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
    }
    return asked;
  }
}

/** @throws Error where the proxy doesn't answer: these calls are to a healthy proxy */
async function isRefused({ proxy }: ProxyMember): Promise<boolean> {
  const { degraded, status, failure } = await call({ proxy, host: LEASED, path: '/' });
  if (!degraded && status !== 200) throw new Error(`a call to ${LEASED} ended with ${status ?? failure}`);
  return degraded;
}

/** One process, in its own memory: whoever reads this is it. */
import { FORGOTTEN_AFTER_MS, presenceKey, type Heartbeat, type Presence, type Present } from '#engine';

interface Heard {
  readonly heartbeat: Heartbeat;
  readonly atMs: number;
}

export class EmbeddedPresence implements Presence {
  readonly #monotonicMs: () => number;
  readonly #heard = new Map<string, Heard>();

  /** @param monotonicMs never set back, ms */
  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  async beat(beats: readonly Present[]): Promise<void> {
    for (const { heartbeat, ageMs } of beats) this.#heard.set(presenceKey(heartbeat), { heartbeat, atMs: this.#monotonicMs() - ageMs });
  }

  async leave(heartbeat: Heartbeat): Promise<void> {
    this.#heard.delete(presenceKey(heartbeat));
  }

  async list(): Promise<readonly Present[]> {
    const nowMs = this.#monotonicMs();
    return [...this.#heard.values()].map(({ heartbeat, atMs }) => ({ heartbeat, ageMs: nowMs - atMs })).filter(({ ageMs }) => ageMs < FORGOTTEN_AFTER_MS);
  }

  async sweep(): Promise<void> {
    const nowMs = this.#monotonicMs();
    for (const [key, { atMs }] of this.#heard) if (nowMs - atMs >= FORGOTTEN_AFTER_MS) this.#heard.delete(key);
  }
}

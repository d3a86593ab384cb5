/**
 * Heartbeats of proxies that have no store, on their way to it: the newest of each, many at once. Who may follow may say
 * this; so it can be of a proxy only, and of one for each stream, and no ingest can be made to look alive.
 */
import { presenceKey, type Heartbeat, type PresenceTeller } from '#engine';
import { UnreadableRecord, heartbeatOfMessage, type ProcessMessage } from '#wire';

const FLUSH_EACH_MS = 2_000;
/** What waits, while the store is out of reach; further ones are left out. */
const WAITING_MAX = 10_000;

interface Waiting {
  readonly heartbeat: Heartbeat;
  readonly atMs: number;
}

export class BeatRelay {
  readonly #presence: PresenceTeller;
  readonly #monotonicMs: () => number;
  readonly #waiting = new Map<string, Waiting>();
  readonly #timer: NodeJS.Timeout;
  #isFlushing = false;

  /** @param monotonicMs never set back, ms */
  constructor(presence: PresenceTeller, monotonicMs: () => number) {
    this.#presence = presence;
    this.#monotonicMs = monotonicMs;
    this.#timer = setInterval(() => void this.#flush(), FLUSH_EACH_MS).unref();
  }

  /**
   * @param of `own`: who spoke on this stream before. @returns who did now
   * @throws {UnreadableRecord} what was said is not allowed
   */
  take(message: ProcessMessage | null, { leaving, own }: { readonly leaving: boolean; readonly own: string | undefined }): string {
    if (message === null) throw new UnreadableRecord('process: it is missing; allowed: what a proxy says of itself');
    const heartbeat = heartbeatOfMessage(message);
    const { proxy, ingest, console } = heartbeat;
    if (proxy === undefined || ingest !== undefined || console !== undefined) throw new UnreadableRecord('process: it has another role; allowed: proxy alone');
    const key = presenceKey(heartbeat);
    if (own !== undefined && own !== key) throw new UnreadableRecord(`process.instance: found "${heartbeat.instance}" after another; allowed: one for each stream`);
    this.#waiting.delete(key);
    // Where it can't be said it is forgotten in time.
    if (leaving) void this.#presence.leave(heartbeat).catch(() => undefined);
    else if (this.#waiting.size < WAITING_MAX) this.#waiting.set(key, { heartbeat, atMs: this.#monotonicMs() });
    return key;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** What could not be said waits for the next time, unless there is something newer. */
  async #flush(): Promise<void> {
    if (this.#isFlushing || this.#waiting.size === 0) return;
    this.#isFlushing = true;
    const waiting = [...this.#waiting];
    const nowMs = this.#monotonicMs();
    try {
      await this.#presence.beat(waiting.map(([, { heartbeat, atMs }]) => ({ heartbeat, ageMs: nowMs - atMs })));
      for (const [key, told] of waiting) if (this.#waiting.get(key) === told) this.#waiting.delete(key);
    } catch {
      // The console says itself that its own heartbeat fails (libs/runtime/src/heart.ts).
    } finally {
      this.#isFlushing = false;
    }
  }
}

/**
 * Says every few seconds that this process is there, and how it is: for people who look at the fleet (decision 0040).
 * Nothing waits for it, and that it can't be said is said in the log and harms nothing.
 */
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENGINE_VERSION, MISSING_MAX, type ConsoleVitals, type Heartbeat, type IngestVitals, type Presence, type PresenceTeller, type ProxyVitals } from '#engine';
import type { Runtime } from './runtime.module.ts';
import { VERSION } from './version.ts';

/** Between two beats, about: a fleet's don't fall together, ms. */
const BEAT_EACH_MS = 2_500;
const JITTER = 0.2;
/** Between two looks for the forgotten, ms. */
const SWEEP_EACH_MS = 60_000;
/** Failures in a row before it is said: an outage of the store is somebody else's news. */
const SAID_AFTER = 4;
/** How long a stop waits to say that it is one, ms. */
const LEAVE_MS = 500;

/** Asked at each beat; one for each role of this process. */
export interface HeartParts {
  readonly ingest?: () => IngestVitals;
  readonly proxy?: () => ProxyVitals;
  readonly console?: () => ConsoleVitals;
}

export interface HeartOptions {
  readonly presence: PresenceTeller & Partial<Pick<Presence, 'sweep'>>;
  readonly runtime: Pick<Runtime, 'config' | 'logger' | 'health'>;
  readonly parts: HeartParts;
  /** It also drops those that are forgotten; default false. */
  readonly sweeps?: boolean;
}

export class Heart {
  readonly #options: HeartOptions;
  readonly #startedMs = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #beating: Promise<void> = Promise.resolve();
  #isStopped = false;
  #failures = 0;
  #sweptMs = performance.now();

  constructor(options: HeartOptions) {
    this.#options = options;
  }

  /** Beats at once, then each few seconds. */
  start(): void {
    this.#beating = this.#beat();
    void this.#beating.then(() => this.#next());
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    // One that is under way must not begin another: who left would be there again.
    this.#isStopped = true;
    const leave = this.#beating.then(() => this.#options.presence.leave(this.#heartbeat())).catch(() => undefined);
    await Promise.race([leave, sleep(LEAVE_MS, undefined, { ref: false })]);
  }

  #next(): void {
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => this.start(), BEAT_EACH_MS * (1 + JITTER * (Math.random() - 0.5))).unref();
  }

  async #beat(): Promise<void> {
    const { presence, sweeps = false, runtime: { logger } } = this.#options;
    try {
      await presence.beat([{ heartbeat: this.#heartbeat(), ageMs: 0 }]);
      if (sweeps) await this.#sweep();
    } catch (error) {
      if (++this.#failures === SAID_AFTER) logger.warn({ err: error }, `this process can't say that it is there (${(error as Error).message}): the fleet page does not show it as it is; nothing else depends on that`);
      return;
    }
    if (this.#failures >= SAID_AFTER) logger.info('this process can say again that it is there');
    this.#failures = 0;
  }

  async #sweep(): Promise<void> {
    if (performance.now() - this.#sweptMs < SWEEP_EACH_MS) return;
    this.#sweptMs = performance.now();
    await this.#options.presence.sweep?.();
  }

  #heartbeat(): Heartbeat {
    const { parts, runtime: { config, health } } = this.#options;
    return {
      instance: config.instance,
      host: hostname(),
      version: VERSION,
      engine: ENGINE_VERSION,
      startedMs: this.#startedMs,
      missing: health.missing().slice(0, MISSING_MAX).map(({ name, reason }) => `${name}: ${reason}`),
      ...(parts.ingest && { ingest: parts.ingest() }),
      ...(parts.proxy && { proxy: parts.proxy() }),
      ...(parts.console && { console: parts.console() }),
    };
  }
}

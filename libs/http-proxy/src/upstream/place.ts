/**
 * One address of a target, and whether it connects. One that failed to is left out for a back-off, which doubles each
 * time that it fails again and is over once it connects. After it one call tries: the others avoid it until that one
 * connects, or its back-off is over too.
 */
import type { Target } from './targets.ts';

const BACK_OFF_MIN_MS = 1_000;
const BACK_OFF_MAX_MS = 30_000;
/** After this a trial that nobody heard of is forgotten; longer than connecting takes. */
const TRIAL_MAX_MS = 30_000;

export class Place implements Target {
  readonly label: string;
  readonly host: string;
  readonly port: number;
  readonly name: string;
  /** 0: it connects, as far as is known. */
  #backOffMs = 0;
  #dueAtMs = 0;
  #isOnTrial = false;

  constructor(words: { readonly label: string; readonly host: string; readonly port: number; readonly name: string }) {
    this.label = words.label;
    this.host = words.host;
    this.port = words.port;
    this.name = words.name;
  }

  get connects(): boolean {
    return this.#backOffMs === 0;
  }

  /** When it is to be tried again. */
  get dueAtMs(): number {
    return this.#dueAtMs;
  }

  /** It was chosen for a call. */
  chosen(nowMs: number): void {
    if (this.connects) return;
    if (this.#dueAtMs <= nowMs) {
      this.#isOnTrial = true;
      this.#dueAtMs = nowMs + TRIAL_MAX_MS;
    } else if (!this.#isOnTrial) {
      // For want of a better one. Of several such, the next call takes another.
      this.#dueAtMs = nowMs + this.#backOffMs;
    }
  }

  /** The call that it was chosen for didn't dial it. */
  givenBack(): void {
    if (!this.#isOnTrial) return;
    this.#isOnTrial = false;
    this.#dueAtMs = 0;
  }

  connected(): void {
    this.#backOffMs = 0;
    this.#isOnTrial = false;
  }

  /** Calls that fail beside the trial, or after the first failure, say nothing new. */
  failed(nowMs: number): void {
    if (!this.connects && !this.#isOnTrial) return;
    this.#backOffMs = this.connects ? BACK_OFF_MIN_MS : Math.min(BACK_OFF_MAX_MS, this.#backOffMs * 2);
    this.#isOnTrial = false;
    this.#dueAtMs = nowMs + this.#backOffMs;
  }
}

/**
 * The calls over time, for the picture: a fixed number of slots, each twice as long whenever the calls outgrow them. So
 * neither how many they are nor how long they take matters.
 */
const SLOTS = 96;
const SLOT_FIRST_MS = 100;

export interface Slot {
  readonly calls: number;
  readonly errors: number;
}

export class Timeline {
  readonly #calls = new Float64Array(SLOTS);
  readonly #errors = new Float64Array(SLOTS);
  #startMs = Number.NaN;
  slotMs = SLOT_FIRST_MS;

  add(atMs: number, calls: number, isError: boolean): void {
    if (Number.isNaN(this.#startMs)) this.#startMs = atMs;
    // What lies before the first call is out of order; the picture can do without.
    let slot = Math.max(0, Math.floor((atMs - this.#startMs) / this.slotMs));
    for (; slot >= SLOTS; slot >>= 1) this.#double();
    this.#calls[slot] = (this.#calls[slot] as number) + calls;
    if (isError) this.#errors[slot] = (this.#errors[slot] as number) + calls;
  }

  get startMs(): number {
    return this.#startMs;
  }

  /** Up to the last one that holds a call. */
  get slots(): Slot[] {
    const last = this.#calls.findLastIndex((calls) => calls > 0);
    return Array.from({ length: last + 1 }, (_, n) => ({ calls: this.#calls[n] as number, errors: this.#errors[n] as number }));
  }

  #double(): void {
    for (const counts of [this.#calls, this.#errors]) {
      for (let n = 0; n < SLOTS / 2; n++) counts[n] = (counts[2 * n] as number) + (counts[2 * n + 1] as number);
      counts.fill(0, SLOTS / 2);
    }
    this.slotMs *= 2;
  }
}

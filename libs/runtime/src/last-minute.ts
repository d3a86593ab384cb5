/** Counts of the last minute by name, in twelve parts, the oldest of which falls out as a new one begins: of 55 to 60 s. */

const PARTS = 12;
const PART_MS = 5_000;

export class LastMinute {
  readonly #namesMax: number;
  #parts: Map<string, number>[] = [new Map()];
  #begunMs: number | undefined;

  /** @param namesMax in each part; what comes beyond it is not counted */
  constructor(namesMax: number) {
    this.#namesMax = namesMax;
  }

  /** On the path of each call: it asks for no time. */
  add(name: string): void {
    const part = this.#parts[0] as Map<string, number>;
    const count = part.get(name);
    if (count !== undefined || part.size < this.#namesMax) part.set(name, (count ?? 0) + 1);
  }

  /** To be called more often than each 5 s. @param monotonicMs never set back, ms */
  tick(monotonicMs: number): void {
    this.#begunMs ??= monotonicMs;
    const passed = Math.floor((monotonicMs - this.#begunMs) / PART_MS);
    if (passed <= 0) return;
    this.#begunMs += passed * PART_MS;
    const fresh = Array.from({ length: Math.min(PARTS, passed) }, () => new Map<string, number>());
    this.#parts = [...fresh, ...this.#parts].slice(0, PARTS);
  }

  counts(): Map<string, number> {
    const sums = new Map<string, number>();
    for (const part of this.#parts) for (const [name, count] of part) sums.set(name, (sums.get(name) ?? 0) + count);
    return sums;
  }
}

/**
 * Label values that come from outside, held to a bound: the first so many keep their name, the rest share one. A metric
 * can't grow without end that way, whatever documents or callers say.
 */

/** Upstreams that have series of their own. */
export const UPSTREAM_LABELS_MAX = 1_000;
/** What the others are called; no host name has a parenthesis. */
export const OTHER = '(other)';

export class BoundedLabel {
  readonly #max: number;
  readonly #seen = new Set<string>();

  constructor(max: number = UPSTREAM_LABELS_MAX) {
    this.#max = max;
  }

  of(value: string): string {
    if (this.#seen.has(value)) return value;
    if (this.#seen.size >= this.#max) return OTHER;
    this.#seen.add(value);
    return value;
  }
}

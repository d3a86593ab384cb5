/** Names in order, so that a page begins where the last one ended whatever came or went between. */

export class SortedNames {
  readonly #names: string[] = [];

  /** A name that is there already stays once. */
  add(name: string): void {
    const index = this.#indexAfter(name);
    if (this.#names[index - 1] !== name) this.#names.splice(index, 0, name);
  }

  /** Those after `name`, which needn't be there; of undefined: all. */
  *after(name: string | undefined): Generator<string> {
    for (let index = name === undefined ? 0 : this.#indexAfter(name); index < this.#names.length; index += 1) yield this.#names[index] as string;
  }

  /** The one that begins most like `name`, if that is at least half of it. */
  like(name: string): string | undefined {
    const index = this.#indexAfter(name);
    const [before = '', after = ''] = [this.#names[index - 1], this.#names[index]];
    const nearest = sharedLength(before, name) > sharedLength(after, name) ? before : after;
    const shared = sharedLength(nearest, name);
    return shared > 0 && shared >= name.length / 2 ? nearest : undefined;
  }

  /** How many are not after `name`. */
  #indexAfter(name: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#names[middle] as string) <= name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Of how many letters both begin alike. */
function sharedLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

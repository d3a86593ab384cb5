/**
 * K4: which (reporter, id) pairs were seen lately. A ring of 64-bit hashes in offset order with a hash table over it, so
 * that remembering costs no allocation. Beyond the horizon a repeat counts again; a repeat does not refresh its place.
 */

/** A (reporter, id) pair seen at `offset`, as a 64-bit hash. */
export interface RememberedId {
  /** 0 to 2^64 - 1. */
  readonly hash: bigint;
  readonly offset: number;
}

/** Two halves and their whole: shifting them together would make three numbers for one. */
const halves = new DataView(new ArrayBuffer(8));

export class Repeats {
  readonly #max: number;
  readonly #high: Uint32Array;
  readonly #low: Uint32Array;
  readonly #offsets: Float64Array;
  /** Slot -> ring index + 1; 0: free. Twice as many slots as ids at least, so probes stay short. */
  readonly #slots: Uint32Array;
  #oldest = 0;
  #size = 0;

  constructor(max: number) {
    this.#max = max;
    this.#high = new Uint32Array(max);
    this.#low = new Uint32Array(max);
    this.#offsets = new Float64Array(max);
    this.#slots = new Uint32Array(2 ** Math.ceil(Math.log2(max * 2 + 1)));
  }

  /** True: seen before, and left in its place. False: remembered now. */
  seen(reporter: string, id: string, offset: number): boolean {
    const { high, low } = hash64(reporter, id);
    return this.#seen(high, low, offset);
  }

  /** As a store kept it; oldest first. */
  restore(ids: readonly RememberedId[]): void {
    for (const { hash, offset } of ids) this.#seen(Number(hash >> 32n), Number(hash & 0xffff_ffffn), offset);
  }

  /** Those of records at or after `offset`, oldest first. */
  since(offset: number): RememberedId[] {
    const ids: RememberedId[] = [];
    for (let back = 1; back <= this.#size; back++) {
      const index = (this.#oldest + this.#size - back) % this.#max;
      if ((this.#offsets[index] as number) < offset) break;
      halves.setUint32(0, this.#high[index] as number);
      halves.setUint32(4, this.#low[index] as number);
      ids.push({ hash: halves.getBigUint64(0), offset: this.#offsets[index] as number });
    }
    return ids.toReversed();
  }

  #seen(high: number, low: number, offset: number): boolean {
    const slot = this.#slotOf(high, low);
    if (this.#slots[slot] !== 0) return true;
    if (this.#size === this.#max) {
      this.#forgetOldest();
      return this.#remember(this.#slotOf(high, low), { high, low, offset });
    }
    return this.#remember(slot, { high, low, offset });
  }

  #remember(slot: number, { high, low, offset }: { high: number; low: number; offset: number }): false {
    const index = (this.#oldest + this.#size) % this.#max;
    this.#high[index] = high;
    this.#low[index] = low;
    this.#offsets[index] = offset;
    this.#slots[slot] = index + 1;
    this.#size++;
    return false;
  }

  /** The slot that holds this hash, or the free one where it would go. */
  #slotOf(high: number, low: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const index = this.#slots[slot] as number;
      if (index === 0 || (this.#low[index - 1] === low && this.#high[index - 1] === high)) return slot;
    }
  }

  /** Linear probing: what probed past the freed slot moves back into it. */
  #forgetOldest(): void {
    const mask = this.#slots.length - 1;
    let free = this.#slotOf(this.#high[this.#oldest] as number, this.#low[this.#oldest] as number);
    for (let slot = (free + 1) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = (this.#low[(this.#slots[slot] as number) - 1] as number) & mask;
      if (((slot - home) & mask) < ((slot - free) & mask)) continue;
      this.#slots[free] = this.#slots[slot] as number;
      free = slot;
    }
    this.#slots[free] = 0;
    this.#oldest = (this.#oldest + 1) % this.#max;
    this.#size--;
  }
}

/** Both lanes; one object each, since this is the hot path. */
const hashed = { high: 0, low: 0 };
const lanes = { a: 0, b: 0 };
const SEED = { a: 0x9e37_79b9, b: 0x85eb_ca6b };
/** Where the lanes stand behind the last reporter's name, since records of one come together. */
const last = { reporter: '', ...laid('', SEED) };

/** Two multiplicative 32-bit lanes that mix into each other; the same everywhere and for ever, since stores keep it. */
function hash64(reporter: string, id: string): typeof hashed {
  if (reporter !== last.reporter) Object.assign(last, laid(reporter, SEED), { reporter });
  let { a, b } = laid(id, last);
  a = Math.imul(a ^ (a >>> 16), 0x85eb_ca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2_ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85eb_ca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2_ae35);
  hashed.high = a >>> 0;
  hashed.low = b >>> 0;
  return hashed;
}

/** The lanes behind a text. */
function laid(text: string, from: typeof lanes): typeof lanes {
  let { a, b } = from;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x9e37_79b1);
    b = Math.imul(b ^ code, 0x5f35_6495);
  }
  // Keeps ("a", "bc") and ("ab", "c") apart: no UTF-16 unit is 65,536.
  lanes.a = Math.imul(a ^ 0x1_0000, 0x9e37_79b1);
  lanes.b = Math.imul(b ^ 0x1_0000, 0x5f35_6495);
  return lanes;
}

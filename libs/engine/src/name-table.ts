/**
 * Names of plain ASCII, numbered from 0 as they came, as bytes one behind the other: of 100,000 a tenth of what strings and
 * a Map of them hold, and nothing for a collection to walk. None leaves: who has names to forget makes a new table.
 */

const FIRST_NAMES = 64;
const CHARS_EACH = 32;
/** Longer ones are not taken: a host name with its port has 259 at most. */
export const NAME_CHARS_MAX = 512;
const TILDE = 0x7e;
const SPACE = 0x20;
/** FNV-1a's. */
const HASH_BASE = 0x811c9dc5;
const HASH_PRIME = 0x01000193;

export class NameTable {
  /** Open addressing, in pairs: a number + 1, or 0: free; and its hash. Never more than half full. */
  #slots = new Int32Array(2 * 4 * FIRST_NAMES);
  #bytes = new Uint8Array(FIRST_NAMES * CHARS_EACH);
  /** By number: where it ends in `#bytes`; it begins where the one before ends. */
  #ends = new Uint32Array(FIRST_NAMES);
  #size = 0;
  /** A name that came as a string. */
  readonly #spelt = new Uint8Array(NAME_CHARS_MAX);
  /** What is looked for: where it lies, and its hash. */
  #wanted: Uint8Array = this.#spelt;
  #from = 0;
  #to = 0;
  #hash = 0;

  get size(): number {
    return this.#size;
  }

  /** Makes room for so many in all, so that nothing is copied as they come. */
  expect(names: number): void {
    if (names > this.#ends.length) this.#grow(names, names * CHARS_EACH);
    if (4 * names > this.#slots.length) this.#spread(names);
  }

  /** -1: it isn't here. */
  find(name: string): number {
    return this.#spell(name) ? this.#numberIn(this.#slotOf(this.#spelt, 0, name.length)) : -1;
  }

  /** Its number, new or not; -1: it isn't plain, or too long, and is not taken. */
  add(name: string): number {
    return this.#spell(name) ? this.addBytes(this.#spelt, 0, name.length) : -1;
  }

  /** The same of bytes that are known to be plain. */
  addBytes(bytes: Uint8Array, from: number, to: number): number {
    const slot = this.#slotOf(bytes, from, to);
    const known = this.#numberIn(slot);
    if (known !== -1) return known;
    const number = this.#size++;
    const begin = this.#beginOf(number);
    this.#makeRoom(begin + to - from);
    for (let at = from; at < to; at++) this.#bytes[begin + at - from] = bytes[at] as number;
    this.#ends[number] = begin + to - from;
    this.#slots[slot] = number + 1;
    this.#slots[slot + 1] = this.#hash;
    if (4 * this.#size > this.#slots.length) this.#spread(this.#size);
    return number;
  }

  addOf(other: NameTable, number: number): number {
    return this.addBytes(other.#bytes, other.#beginOf(number), other.#ends[number] as number);
  }

  #spell(name: string): boolean {
    const { length } = name;
    if (length > NAME_CHARS_MAX) return false;
    for (let at = 0; at < length; at++) {
      const char = name.charCodeAt(at);
      if (char < SPACE || char > TILDE) return false;
      this.#spelt[at] = char;
    }
    return true;
  }

  #beginOf(number: number): number {
    return number === 0 ? 0 : (this.#ends[number - 1] as number);
  }

  #numberIn(slot: number): number {
    return (this.#slots[slot] as number) - 1;
  }

  /** Where it is, or would be. */
  #slotOf(bytes: Uint8Array, from: number, to: number): number {
    const hash = hashOf(bytes, from, to);
    this.#wanted = bytes;
    this.#from = from;
    this.#to = to;
    this.#hash = hash;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = (2 * hash) & mask;
    while (slots[slot] !== 0 && !(slots[slot + 1] === hash && this.#isWanted((slots[slot] as number) - 1))) slot = (slot + 2) & mask;
    return slot;
  }

  #isWanted(number: number): boolean {
    const own = this.#bytes;
    const wanted = this.#wanted;
    const length = this.#to - this.#from;
    const ownFrom = this.#beginOf(number);
    if ((this.#ends[number] as number) - ownFrom !== length) return false;
    const from = this.#from;
    for (let at = 0; at < length; at++) if (own[ownFrom + at] !== wanted[from + at]) return false;
    return true;
  }

  #makeRoom(bytes: number): void {
    if (bytes > this.#bytes.length || this.#size > this.#ends.length) this.#grow(2 * this.#ends.length, 2 * bytes);
  }

  #grow(names: number, bytes: number): void {
    this.#bytes = grown(this.#bytes, bytes);
    this.#ends = grown(this.#ends, names);
  }

  #spread(names: number): void {
    const before = this.#slots;
    let { length } = before;
    while (length < 4 * names) length *= 2;
    const slots = new Int32Array(length);
    for (let from = 0; from < before.length; from += 2) {
      if (before[from] === 0) continue;
      let slot = (2 * (before[from + 1] as number)) & (length - 1);
      while (slots[slot] !== 0) slot = (slot + 2) & (length - 1);
      slots[slot] = before[from] as number;
      slots[slot + 1] = before[from + 1] as number;
    }
    this.#slots = slots;
  }
}

function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let hash = HASH_BASE;
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), HASH_PRIME);
  // Names that are alike differ in the low bits of few bytes, and those are what a slot goes by.
  return hash ^ (hash >>> 15);
}

/** The same with that length, at least as long as it was; what is new is 0. The one given is of no use any more. */
export function grown<T extends Uint8Array | Uint32Array | Float64Array>(column: T, length: number): T {
  const bytes = (column.buffer as ArrayBuffer).transfer(Math.max(length, column.length) * column.BYTES_PER_ELEMENT);
  return new (column.constructor as new (buffer: ArrayBuffer) => T)(bytes);
}

/** ASCII texts that come again and again in bytes, each made once: a string made anew costs a call into V8, and a hash wherever it is looked up. */

/** A text that is looked for in bytes, by four at a time. */
export class Spelling {
  readonly text: string;
  readonly length: number;
  /** The last four begin four from the end, and mostly overlap those before. */
  readonly #words: readonly number[];
  readonly #last: number;
  readonly #first: number;

  constructor(text: string) {
    const bytes = Buffer.from(text, 'latin1');
    this.text = text;
    this.length = bytes.length;
    this.#words = Array.from({ length: Math.max(0, (bytes.length - 1) >> 2) }, (_, n) => bytes.readInt32LE(4 * n));
    this.#first = bytes[0] ?? 0;
    this.#last = bytes.length < 4 ? 0 : bytes.readInt32LE(bytes.length - 4);
  }

  isAt(view: DataView, at: number): boolean {
    const { length } = this;
    if (at + length > view.byteLength) return false;
    if (length < 4) return this.#isShortAt(view, at);
    if (view.getInt32(at + length - 4, true) !== this.#last) return false;
    const words = this.#words;
    for (let n = 0; n < words.length; n++) if (view.getInt32(at + 4 * n, true) !== words[n]) return false;
    return true;
  }

  #isShortAt(view: DataView, at: number): boolean {
    const { length } = this;
    if (length === 0) return true;
    if (view.getUint8(at) !== this.#first) return false;
    for (let n = 1; n < length; n++) if (view.getUint8(at + n) !== this.text.charCodeAt(n)) return false;
    return true;
  }
}

export class Interned {
  readonly #slots: (Spelling | undefined)[];
  readonly #mask: number;

  /** @param slots a power of two; texts that fall into one slot take turns in it */
  constructor(slots: number) {
    this.#slots = Array.from({ length: slots });
    this.#mask = slots - 1;
  }

  /** @param of where it stands, and its hash */
  take(view: DataView, { from, to, hash }: { readonly from: number; readonly to: number; readonly hash: number }): Spelling {
    const slot = hash & this.#mask;
    const known = this.#slots[slot];
    if (known?.length === to - from && known.isAt(view, from)) return known;
    return (this.#slots[slot] = new Spelling(Buffer.from(view.buffer, view.byteOffset + from, to - from).toString('latin1')));
  }
}

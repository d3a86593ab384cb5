/**
 * JSON that Fuseboard wrote itself, followed along its bytes where they lie: fields in the order in which they are written,
 * texts of plain ASCII, whole numbers, times. Whatever else there may be is left to a reader of JSON.
 */
import type { TextColumn } from '#engine';
import type { Written } from './fields.ts';
import { Spelling } from './interned.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
const TILDE = 0x7e;
const COMMA = 0x2c;
const ZERO = 0x30;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
/** So many make a safe integer, whatever they are. */
const DIGITS_MAX = 15;
const NO_BYTES = Buffer.alloc(0);
/** `2026-09-21T14:13:20.123Z`. */
const TIME_CHARS = 24;
const DAY_CHARS = 10;
const [DASH, LETTER_T, COLON, DOT, LETTER_Z] = [4, 10, 13, 19, 23].map((at) => new Date(0).toISOString().charCodeAt(at));

/** Where an object lies, and in it the text of a field. One for all: to be looked at before the next is asked for. */
export interface Around {
  readonly from: number;
  readonly textFrom: number;
  readonly text: string;
  readonly textTo: number;
  readonly to: number;
  /** Of what is around the text. */
  readonly hash: number;
}

/** What isn't as asked for spoils the value, and is found out at its end (`isRead`). */
export class PlainJson {
  #memory: ArrayBufferLike | undefined;
  #bytes: Buffer = NO_BYTES;
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  #end = 0;
  #isSpoilt = false;
  /** The last one that was read of a time, and when it begins. */
  #day = new Spelling('1970-01-01');
  #dayMs = 0;
  readonly #around: Written<Around> = { from: 0, textFrom: 0, text: '', textTo: 0, to: 0, hash: 0 };

  begin(bytes: Uint8Array): void {
    // Many values lie in one piece of memory, as they came from a socket.
    if (bytes.buffer !== this.#memory) {
      this.#memory = bytes.buffer;
      this.#bytes = Buffer.from(bytes.buffer);
      this.#view = new DataView(bytes.buffer);
    }
    this.#at = bytes.byteOffset;
    this.#end = bytes.byteOffset + bytes.byteLength;
    this.#isSpoilt = false;
  }

  /** All was as asked for, up to the end: bytes behind it may have been looked at, but were none of the value's. */
  get isRead(): boolean {
    return !this.#isSpoilt && this.#at === this.#end;
  }

  isAt(spelling: Spelling): boolean {
    return spelling.isAt(this.#view, this.#at);
  }

  /** If it is there. */
  skips(spelling: Spelling): boolean {
    if (!this.isAt(spelling)) return false;
    this.#at += spelling.length;
    return true;
  }

  pass(spelling: Spelling): void {
    if (!this.skips(spelling)) this.#isSpoilt = true;
  }

  /** Up to its quote. */
  text(): string {
    const from = this.#at;
    this.passText();
    return this.#bytes.toString('latin1', from, this.#at);
  }

  /** The same, which is likely to be `last` again: who has many of them keeps it once. */
  textLike(last: Spelling): Spelling {
    const from = this.#at;
    this.passText();
    const isAgain = this.#at - from === last.length && last.isAt(this.#view, from);
    return isAgain ? last : new Spelling(this.#bytes.toString('latin1', from, this.#at));
  }

  /** Of which nothing is wanted. */
  passText(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at] as number;
    while (byte >= SPACE && byte <= TILDE && byte !== QUOTE && byte !== BACKSLASH) byte = bytes[++at] as number;
    this.#at = at;
    if (byte !== QUOTE) this.#isSpoilt = true;
  }

  /** Where it stands in `memory`. */
  get at(): number {
    return this.#at;
  }

  get memory(): Uint8Array {
    return this.#bytes;
  }

  /** Up to its quote, with escapes in it. */
  escapedText(): string {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    for (let byte = bytes[at] as number; byte >= SPACE && byte <= TILDE && byte !== QUOTE; byte = bytes[at] as number) at += byte === BACKSLASH ? 2 : 1;
    this.#at = at;
    try {
      return JSON.parse(`"${bytes.toString('latin1', from, at)}"`) as string;
    } catch {
      return this.#spoilt('');
    }
  }

  /** Behind its bracket, the texts of an array that has one at least, up to its other bracket: where they lie. */
  places(): TextColumn {
    const [starts, ends]: [number[], number[]] = [[], []];
    this.eachText((from, to) => {
      starts.push(from);
      ends.push(to);
    });
    return { bytes: this.#bytes, starts: new Uint32Array(starts), ends: new Uint32Array(ends) };
  }

  /** The same, one by one. */
  eachText(take: (from: number, to: number) => void): void {
    const bytes = this.#bytes;
    let next = COMMA;
    for (; next === COMMA; next = bytes[this.#at++] as number) {
      if (bytes[this.#at++] !== QUOTE) this.#isSpoilt = true;
      const from = this.#at;
      this.passText();
      take(from, this.#at++);
    }
    if (next !== CLOSE_ARRAY) this.#isSpoilt = true;
  }

  /** An object or array, whatever is in it. */
  value(): unknown {
    const [bytes, from] = [this.#bytes, this.#at];
    let [at, depth, isText] = [from, 0, false];
    do {
      if (at >= this.#end) return this.#spoilt(undefined);
      const byte = bytes[at++] as number;
      if (isText) {
        if (byte === BACKSLASH) at++;
        else isText = byte !== QUOTE;
      } else if (byte === QUOTE) isText = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--;
    } while (depth > 0);
    this.#at = at;
    try {
      return JSON.parse(bytes.toString('utf8', from, at)) as unknown;
    } catch {
      return this.#spoilt(undefined);
    }
  }

  /** Between these two, if that is what comes. */
  textBetween(before: Spelling, after: Spelling): string | undefined {
    return this.attempt(() => {
      this.pass(before);
      const text = this.text();
      this.pass(after);
      return text;
    });
  }

  /** Undefined: what comes is not as it asks for, and it is as if it had not been asked. */
  attempt<T>(ask: () => T | undefined): T | undefined {
    const [at, isSpoilt] = [this.#at, this.#isSpoilt];
    const found = ask();
    if (found !== undefined && !this.#isSpoilt) return found;
    this.#at = at;
    this.#isSpoilt = isSpoilt;
    return undefined;
  }

  /** @param field that is a text and there once: its name, up to the quote of its text */
  objectAround(field: Spelling): Around | undefined {
    const [bytes, around] = [this.#bytes, this.#around];
    let [at, depth, hash, isText] = [this.#at, 0, 0, false];
    Object.assign(around, { from: at, textFrom: -1 });
    do {
      const byte = bytes[at] as number;
      // Within itself, an escape may hide another such name.
      if (!(byte >= SPACE && byte <= TILDE) || (byte === BACKSLASH && depth === 1)) return this.#spoilt(undefined);
      if (isText) {
        if (byte === BACKSLASH) at++;
        else isText = byte !== QUOTE;
      } else if (byte === QUOTE && depth === 1 && field.isAt(this.#view, at)) {
        if (around.textFrom !== -1) return this.#spoilt(undefined);
        around.textFrom = this.#at = at + field.length;
        around.text = this.text();
        around.textTo = at = this.#at;
      } else if (byte === QUOTE) isText = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--;
      hash = (Math.imul(hash, 31) + byte) | 0;
      at++;
    } while (depth > 0);
    this.#at = around.to = at;
    around.hash = hash;
    return around.textFrom === -1 ? this.#spoilt(undefined) : around;
  }

  #spoilt<T>(found: T): T {
    this.#isSpoilt = true;
    return found;
  }

  /** Do the bytes from there to there spell it? */
  spells(spelling: Spelling, from: number, to: number): boolean {
    return to - from === spelling.length && spelling.isAt(this.#view, from);
  }

  slice(from: number, to: number): string {
    return this.#bytes.toString('latin1', from, to);
  }

  whole(): number {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let value = 0;
    for (;;) {
      const digit = (bytes[at] as number) - ZERO;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      at++;
    }
    this.#at = at;
    const digits = at - from;
    if (digits === 0 || digits > DIGITS_MAX || (digits > 1 && bytes[from] === ZERO)) this.#isSpoilt = true;
    return value;
  }

  /** ISO 8601 as `Date` writes it, to ms since 1970. */
  time(): number {
    const bytes = this.#bytes;
    const at = this.#at;
    const dayMs = this.#day.isAt(this.#view, at) ? this.#dayMs : this.#dayAt(at);
    const hour = wholeOf(bytes, at + 11, 2);
    const minute = wholeOf(bytes, at + 14, 2);
    const second = wholeOf(bytes, at + 17, 2);
    const timeMs = dayMs + ((hour * 60 + minute) * 60 + second) * 1_000 + wholeOf(bytes, at + 20, 3);
    const isMarked = bytes[at + 10] === LETTER_T && bytes[at + 13] === COLON && bytes[at + 16] === COLON && bytes[at + 19] === DOT && bytes[at + 23] === LETTER_Z;
    if (!isMarked || !(timeMs >= 0 && hour <= 23 && minute <= 59 && second <= 59)) this.#isSpoilt = true;
    this.#at = at + TIME_CHARS;
    return timeMs;
  }

  /** When it begins, ms since 1970: of many times most are of few days. NaN: there is no such day. */
  #dayAt(at: number): number {
    const bytes = this.#bytes;
    const [year, month, day] = [wholeOf(bytes, at, 4), wholeOf(bytes, at + 5, 2), wholeOf(bytes, at + 8, 2)];
    const dayMs = Date.UTC(year, month - 1, day);
    // Of a day that there isn't, `Date` makes another one.
    const isReal = year >= 1970 && month >= 1 && month <= 12 && day >= 1 && new Date(dayMs).getUTCDate() === day;
    if (!isReal || bytes[at + 4] !== DASH || bytes[at + 7] !== DASH) return Number.NaN;
    this.#day = new Spelling(this.slice(at, at + DAY_CHARS));
    return (this.#dayMs = dayMs);
  }
}

/** NaN: they are none. */
function wholeOf(bytes: Buffer, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at++) {
    const digit = (bytes[at] as number) - ZERO;
    value = digit >= 0 && digit <= 9 ? value * 10 + digit : Number.NaN;
  }
  return value;
}

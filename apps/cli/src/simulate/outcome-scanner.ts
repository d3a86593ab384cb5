/**
 * Outcome records as their producers mostly write them, read byte by byte: flat, plain ASCII, no escapes. Whatever else a
 * line holds is left to the codec (`decodeEntry`), and so is every refusal: what is read here, the codec would have read
 * the same (outcome-lines.spec.ts).
 */
import { FAILURES, type Failure, type Outcome, type Result } from '#engine';

const [QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE, DOT, ZERO, NINE, SPACE, TILDE] = [34, 92, 44, 58, 123, 125, 46, 48, 57, 32, 126];

const KEYS = ['v', 'id', 'at', 'ok', 'upstream', 'reporter', 'status', 'grpcStatus', 'failure', 'durationMs', 'count', 'incarnation', 'generation', 'kind'] as const;
/** `other`: nobody judges it. */
type Key = (typeof KEYS)[number] | 'other';
/** A `kind` and what is worth no speed is left to the codec. */
const BY_LENGTH: readonly (readonly { readonly key: Key; readonly bytes: Buffer }[])[] = Array.from({ length: 12 }, (_, length) =>
  KEYS.filter((key) => key.length === length).map((key) => ({ key, bytes: Buffer.from(key) })),
);

/** Within what the codec takes for every text; longer ones are left to it. */
const TEXT_BYTES_MAX = 256;
/** Fewer digits are exact in a double, with a fraction too. */
const DIGITS_MAX = 15;
const COUNT_MAX = 1_000_000;

const STATUSES: readonly Result[] = Array.from({ length: 600 }, (_, code) => Object.freeze({ kind: 'status', code }));
const GRPC: readonly Result[] = Array.from({ length: 17 }, (_, code) => Object.freeze({ kind: 'grpc', code }));
const OK: Result = Object.freeze({ kind: 'ok' });
const TRUE = Buffer.from('true');
const FAILED = new Map<string, Result>(FAILURES.map((failure: Failure) => [failure, Object.freeze({ kind: 'failure', failure })]));

/** Texts that come again and again are made once; bounded by its slots. */
const INTERNED_SLOTS = 1_024;

export class OutcomeScanner {
  readonly #interned: ({ readonly bytes: Buffer; readonly text: string } | undefined)[] = Array.from({ length: INTERNED_SLOTS });
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #sum = 0;
  #version = 0;
  #upstream = '';
  #reporter = '';
  #id: string | undefined;
  #atMs = -1;
  #durationMs = -1;
  #count = 1;
  #result: Result | undefined;
  /** Which of incarnation and generation are there: both or none are allowed. */
  #stamps = 0;

  /** Undefined: it is for the codec. */
  scan(bytes: Buffer, start: number, end: number): Outcome | undefined {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#version = 0;
    this.#upstream = this.#reporter = '';
    this.#id = this.#result = undefined;
    this.#atMs = this.#durationMs = -1;
    this.#count = 1;
    this.#stamps = 0;
    return this.#fields() ? this.#outcome() : undefined;
  }

  #outcome(): Outcome | undefined {
    if (this.#version !== 1 || this.#atMs < 0 || this.#upstream === '' || this.#reporter === '' || this.#result === undefined) return undefined;
    if (this.#stamps === 1 || this.#stamps === 2) return undefined;
    const outcome: { -readonly [K in keyof Outcome]: Outcome[K] } = { upstream: this.#upstream, atMs: this.#atMs, reporter: this.#reporter, result: this.#result, count: this.#count };
    if (this.#id !== undefined) outcome.id = this.#id;
    if (this.#durationMs >= 0) outcome.durationMs = this.#durationMs;
    return outcome;
  }

  #fields(): boolean {
    if (this.#bytes[this.#at++] !== OPEN) return false;
    for (;;) {
      this.#space();
      const key = this.#key();
      this.#space();
      if (key === undefined || this.#bytes[this.#at++] !== COLON) return false;
      this.#space();
      if (!this.#value(key)) return false;
      this.#space();
      const next = this.#bytes[this.#at++];
      if (next === CLOSE) return this.#at === this.#end;
      if (next !== COMMA) return false;
    }
  }

  #space(): void {
    while (this.#bytes[this.#at] === SPACE) this.#at++;
  }

  /** Undefined: one that only the codec reads. */
  #key(): Key | undefined {
    const start = this.#at + 1;
    const end = this.#textEnd();
    if (end === -1) return undefined;
    for (const { key, bytes } of BY_LENGTH[end - start] ?? []) if (this.#isSame(bytes, start)) return key;
    return 'other';
  }

  #value(key: Key): boolean {
    switch (key) {
      case 'v': return (this.#version = this.#whole()) === 1;
      case 'at': return (this.#atMs = this.#whole()) >= 0;
      case 'count': return (this.#count = this.#whole()) >= 1 && this.#count <= COUNT_MAX;
      case 'status': return this.#is(STATUSES[this.#whole()], 100);
      case 'grpcStatus': return this.#is(GRPC[this.#whole()], 0);
      case 'failure': return this.#is(FAILED.get(this.#text(true)), 0);
      case 'durationMs': return (this.#durationMs = this.#decimal()) >= 0;
      // Of another world; only that they are numbers matters.
      case 'incarnation': return this.#stamp(1);
      case 'generation': return this.#stamp(2);
      case 'upstream': return (this.#upstream = this.#text(true).toLowerCase()) !== '';
      case 'reporter': return (this.#reporter = this.#text(true)) !== '';
      case 'id': return (this.#id = this.#text(false)) !== '';
      case 'ok': return this.#isSame(TRUE, this.#at) && this.#okay();
      case 'other': return this.#bytes[this.#at] === QUOTE ? this.#textEnd() !== -1 : this.#decimal() >= 0;
      case 'kind': return false;
    }
  }

  #okay(): boolean {
    this.#at += TRUE.length;
    return this.#is(OK, 0);
  }

  #stamp(bit: 1 | 2): boolean {
    this.#stamps |= bit;
    return this.#whole() >= 0;
  }

  /** Exactly one result is allowed; two are the codec's to refuse. */
  #is(result: Result | undefined, codeMin: number): boolean {
    if (result === undefined || this.#result !== undefined || ('code' in result && result.code < codeMin)) return false;
    this.#result = result;
    return true;
  }

  /** -1: not one that is read here. */
  #whole(): number {
    const start = this.#at;
    let value = 0;
    for (let byte = this.#bytes[this.#at]; byte !== undefined && byte >= ZERO && byte <= NINE; byte = this.#bytes[++this.#at]) value = value * 10 + (byte - ZERO);
    const digits = this.#at - start;
    return digits === 0 || digits > DIGITS_MAX || (digits > 1 && this.#bytes[start] === ZERO) ? -1 : value;
  }

  /** Two exact numbers divided are the nearest double, as a parser gives it. */
  #decimal(): number {
    const start = this.#at;
    const whole = this.#whole();
    if (whole < 0 || this.#bytes[this.#at] !== DOT) return whole;
    const dot = this.#at++;
    let value = whole;
    for (let byte = this.#bytes[this.#at]; byte !== undefined && byte >= ZERO && byte <= NINE; byte = this.#bytes[++this.#at]) value = value * 10 + (byte - ZERO);
    const fraction = this.#at - dot - 1;
    return fraction === 0 || this.#at - start - 1 > DIGITS_MAX ? -1 : value / 10 ** fraction;
  }

  /** Empty: not one that is read here. */
  #text(isInterned: boolean): string {
    const start = this.#at + 1;
    const end = this.#textEnd();
    if (end - start < 1 || end - start > TEXT_BYTES_MAX) return '';
    return isInterned ? this.#intern(start, end) : this.#bytes.toString('latin1', start, end);
  }

  /** Of the text that begins here; -1: it is for the codec. Leaves a sum of its bytes in `#sum`. */
  #textEnd(): number {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== QUOTE) return -1;
    let end = this.#at + 1;
    let sum = 0;
    for (let byte = bytes[end]; byte !== QUOTE; byte = bytes[++end]) {
      if (byte === undefined || byte < SPACE || byte > TILDE || byte === BACKSLASH) return -1;
      sum = Math.imul(sum ^ byte, 0x9e37_79b1);
    }
    this.#at = end + 1;
    this.#sum = sum >>> 16;
    return end;
  }

  #intern(start: number, end: number): string {
    const slot = this.#sum % INTERNED_SLOTS;
    const found = this.#interned[slot];
    if (found !== undefined && found.bytes.length === end - start && this.#isSame(found.bytes, start)) return found.text;
    const text = this.#bytes.toString('latin1', start, end);
    this.#interned[slot] = { bytes: Buffer.from(text, 'latin1'), text };
    return text;
  }

  #isSame(bytes: Buffer, start: number): boolean {
    for (let i = 0; i < bytes.length; i++) if (this.#bytes[start + i] !== bytes[i]) return false;
    return true;
  }
}

/**
 * The usual outcome, read from its bytes where they lie: one flat object of plain ASCII, each field once, of its kind and
 * within its bounds. It gives exactly what entry.ts gives for the same bytes, or nothing, and then they are entry.ts's to
 * read: what is allowed, and how a refusal is worded, stands there alone, and outcome-scan.spec.ts holds the two together.
 * JSON.parse and the text for it were a quarter of what a record cost an ingest.
 */
import { FAILURES } from '#engine';
import type { Admission, Failure, Outcome, Result } from '#engine';
import { COUNT_MAX, ENTRY_BYTES_MAX, ID_CHARS_MAX, OK, REPORTER_CHARS_MAX, STATUSES, TARGET_CHARS_MAX, UPSTREAM_CHARS_MAX, type MutableOutcome } from './entry.ts';
import { Interned, Spelling } from './interned.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const SPACE = 0x20;
const POINT = 0x2e;
const ZERO = 0x30;
const ONE = 0x31;

/** What a byte is within a text: 0 ends it, or is none of ours. */
const PLAIN = 1;
const UPPER_CASE = 2;
const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte < SPACE || byte > 0x7e || byte === QUOTE || byte === 0x5c) return 0;
  return byte >= 0x41 && byte <= 0x5a ? UPPER_CASE : PLAIN;
});

/** Every whole number of so many digits is a double, and a power of ten is one: so is what they make, rounded once. */
const DIGITS_MAX = 15;
/** More than a double is ever written with. */
const DIGITS_LOOKED_AT_MAX = 24;
const POWERS_OF_TEN = Array.from({ length: DIGITS_MAX + 1 }, (_, digits) => 10 ** digits);

/** Fields by number, so that what is known of one is looked up in no time. */
const NAMES = ['v', 'id', 'upstream', 'at', 'status', 'grpcStatus', 'failure', 'ok', 'durationMs', 'count', 'reporter', 'incarnation', 'generation', 'target', 'attempt'] as const;
const V = 0;
const ID = 1;
const UPSTREAM = 2;
const AT = 3;
const STATUS = 4;
const GRPC_STATUS = 5;
const FAILURE = 6;
const IS_OK = 7;
const DURATION_MS = 8;
const COUNT = 9;
const REPORTER = 10;
const INCARNATION = 11;
const GENERATION = 12;
const TARGET = 13;
const ATTEMPT = 14;
const NAME_CHARS_MAX = 11;
/** With their quotes and colon, as they mostly stand. */
const WRITTEN = NAMES.map((name) => new Spelling(`"${name}":`));
const TRUE = new Spelling('true');
const NOTHING = new Spelling('');
/** By length and second byte, which tell them apart; -1: none. */
const FIELD_OF_SHAPE = new Int8Array(shapeOf(NAME_CHARS_MAX + 1, 0)).fill(-1);
for (const [field, name] of NAMES.entries()) FIELD_OF_SHAPE[shapeOf(name.length, name.charCodeAt(1) || QUOTE)] = field;
const REQUIRED = bits(V, UPSTREAM, AT, REPORTER);
const RESULTS = bits(STATUS, GRPC_STATUS, FAILURE, IS_OK);
const ADMISSION = bits(INCARNATION, GENERATION);

/** Names seen lately of upstreams, and of reporters and targets. */
const UPSTREAMS_MAX = 8_192;
const OTHERS_MAX = 1_024;
const NO_BYTES = Buffer.alloc(0);
const NO_RESULT: Result = OK;

export class OutcomeScanner {
  readonly #upstreams = new Interned(UPSTREAMS_MAX);
  readonly #others = new Interned(OTHERS_MAX);
  #bytes: Buffer = NO_BYTES;
  #view = viewOf(NO_BYTES);
  #at = 0;
  /** Which field was where in the last one. */
  readonly #order = new Uint8Array(NAMES.length + 1);
  /** Bits of the fields that were there. */
  #seen = 0;
  /** The text last scanned. */
  readonly #text = { from: 0, to: 0, hash: 0, kinds: 0 };
  #upstream = NOTHING;
  #reporter = NOTHING;
  #id = '';
  #target = NOTHING;
  #result: Result = NO_RESULT;
  #atMs = 0;
  #durationMs = 0;
  #count = 1;
  #incarnation = 0;
  #generation = 0;
  #attempt = 0;
  #admission: Admission = { incarnation: 0, generation: 0 };

  /** Undefined: these bytes are entry.ts's to read. */
  read(bytes: Buffer, from: number, to: number): Outcome | undefined {
    if (to - from > ENTRY_BYTES_MAX) return undefined;
    if (bytes !== this.#bytes) {
      this.#bytes = bytes;
      this.#view = viewOf(bytes);
    }
    this.#at = from;
    this.#seen = 0;
    // Bytes behind `to` may be looked at, but what ends behind it is none.
    return this.#object() && this.#at === to ? this.#outcome() : undefined;
  }

  #object(): boolean {
    if (!this.#takes(OPEN)) return false;
    for (let nth = 0; this.#field(nth); nth++) {
      if (this.#takes(CLOSE)) return true;
      if (!this.#takes(COMMA)) return false;
      this.#takes(SPACE);
    }
    return false;
  }

  #takes(byte: number): boolean {
    if (this.#bytes[this.#at] !== byte) return false;
    this.#at++;
    return true;
  }

  #skips(text: Spelling): boolean {
    if (!text.isAt(this.#view, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  /** Its name, and its value. */
  #field(nth: number): boolean {
    const likely = this.#order[nth] as number;
    const field = this.#skips(WRITTEN[likely] as Spelling) ? likely : this.#name();
    const bit = 1 << field;
    // One that is there twice is as the last says, by JSON.parse.
    if (field < 0 || (this.#seen & bit) !== 0) return false;
    this.#order[nth] = field;
    this.#seen |= bit;
    this.#takes(SPACE);
    return this.#value(field);
  }

  /** -1: none that is known here. */
  #name(): number {
    const bytes = this.#bytes;
    const from = this.#at + 1;
    let to = from;
    while (bytes[to] !== QUOTE) if (to++ - from > NAME_CHARS_MAX) return -1;
    const field = FIELD_OF_SHAPE[shapeOf(to - from, bytes[from + 1] as number)] ?? -1;
    const name = WRITTEN[field];
    if (name === undefined || !name.isAt(this.#view, this.#at)) return -1;
    this.#at += name.length;
    return field;
  }

  #value(field: number): boolean {
    switch (field) {
      case V:
        return this.#takes(ONE);
      case ID:
        if (!this.#texts(ID_CHARS_MAX)) return false;
        this.#id = this.#bytes.toString('latin1', this.#text.from, this.#text.to);
        return true;
      case UPSTREAM:
        // L3: in lower case, which entry.ts sees to.
        if (!this.#texts(UPSTREAM_CHARS_MAX) || this.#text.kinds >= UPPER_CASE) return false;
        this.#upstream = this.#upstreams.take(this.#view, this.#text);
        return true;
      case REPORTER:
        if (this.#isAgain(this.#reporter)) return true;
        if (!this.#texts(REPORTER_CHARS_MAX)) return false;
        this.#reporter = this.#others.take(this.#view, this.#text);
        return true;
      case TARGET:
        if (this.#isAgain(this.#target)) return true;
        if (!this.#texts(TARGET_CHARS_MAX)) return false;
        this.#target = this.#others.take(this.#view, this.#text);
        return true;
      case AT:
        return (this.#atMs = this.#whole()) >= 0;
      case DURATION_MS:
        return (this.#durationMs = this.#decimal()) >= 0;
      case COUNT:
        return (this.#count = this.#whole()) >= 1 && this.#count <= COUNT_MAX;
      case INCARNATION:
        return (this.#incarnation = this.#whole()) >= 0;
      case GENERATION:
        return (this.#generation = this.#whole()) >= 0;
      case ATTEMPT:
        return (this.#attempt = this.#whole()) >= 0;
      default:
        return this.#resultOf(field);
    }
  }

  #resultOf(field: number): boolean {
    if (field === STATUS) {
      const code = this.#whole();
      this.#result = STATUSES[code] ?? OK;
      return code >= 100 && code <= 599;
    }
    if (field === GRPC_STATUS) {
      const code = this.#whole();
      this.#result = { kind: 'grpc', code };
      return code >= 0 && code <= 16;
    }
    if (field === FAILURE) {
      if (!this.#texts(TARGET_CHARS_MAX)) return false;
      const failure = this.#others.take(this.#view, this.#text).text as Failure;
      this.#result = { kind: 'failure', failure };
      return FAILURES.includes(failure);
    }
    this.#result = OK;
    return this.#skips(TRUE);
  }

  /** Is it the text that was taken the last time? */
  #isAgain(last: Spelling): boolean {
    const from = this.#at + 1;
    const to = from + last.length;
    if (last === NOTHING || this.#bytes[to] !== QUOTE || this.#bytes[this.#at] !== QUOTE || !last.isAt(this.#view, from)) return false;
    this.#at = to + 1;
    return true;
  }

  /** Of 1 to `charsMax` plain characters. */
  #texts(charsMax: number): boolean {
    if (!this.#takes(QUOTE)) return false;
    const bytes = this.#bytes;
    const from = this.#at;
    const end = from + charsMax;
    let to = from;
    let hash = 0;
    let kinds = 0;
    for (; to < end; to++) {
      const byte = bytes[to] as number;
      const kind = KINDS[byte];
      if (!kind) break;
      kinds |= kind;
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    this.#at = to;
    const text = this.#text;
    text.from = from;
    text.to = to;
    text.hash = hash;
    text.kinds = kinds;
    return to > from && this.#takes(QUOTE);
  }

  /** -1: none that is read here. */
  #whole(): number {
    const from = this.#at;
    const value = this.#digits(0);
    return this.#isWhole(from) ? value : -1;
  }

  /** -1: none that is read here. */
  #decimal(): number {
    const from = this.#at;
    const whole = this.#digits(0);
    if (!this.#isWhole(from)) return -1;
    if (!this.#takes(POINT)) return whole;
    const pointAt = this.#at - 1;
    const value = this.#digits(whole);
    const places = this.#at - pointAt - 1;
    if (places === 0) return -1;
    const isExact = this.#at - from - 1 <= DIGITS_MAX;
    return isExact ? value / (POWERS_OF_TEN[places] as number) : Number(this.#bytes.toString('latin1', from, this.#at));
  }

  /** What they make behind `value`, exactly for as many as are used; there is an end to how many are looked at. */
  #digits(value: number): number {
    const bytes = this.#bytes;
    const from = this.#at;
    let places: number;
    do {
      // So many fit in 32 bits, which are reckoned with faster.
      let few = 0;
      const start = this.#at;
      for (places = 0; places < 9; places++) {
        const digit = (bytes[start + places] as number) - ZERO;
        if (!(digit >= 0 && digit <= 9)) break;
        few = (Math.imul(few, 10) + digit) | 0;
      }
      this.#at = start + places;
      value = value * (POWERS_OF_TEN[places] as number) + few;
    } while (places === 9 && this.#at - from < DIGITS_LOOKED_AT_MAX);
    return value;
  }

  #isWhole(from: number): boolean {
    const digits = this.#at - from;
    return digits === 1 || (digits > 1 && digits <= DIGITS_MAX && this.#bytes[from] !== ZERO);
  }

  #outcome(): Outcome | undefined {
    const seen = this.#seen;
    const results = seen & RESULTS;
    const admission = seen & ADMISSION;
    if ((seen & REQUIRED) !== REQUIRED || results === 0 || (results & (results - 1)) !== 0 || (admission !== 0 && admission !== ADMISSION)) return undefined;
    const outcome: MutableOutcome = {
      upstream: this.#upstream.text,
      atMs: this.#atMs,
      reporter: this.#reporter.text,
      result: this.#result,
      count: has(seen, COUNT) ? this.#count : 1,
    };
    if (has(seen, ID)) outcome.id = this.#id;
    if (has(seen, DURATION_MS)) outcome.durationMs = this.#durationMs;
    if (admission !== 0) outcome.admitted = this.#admitted();
    if (has(seen, TARGET)) outcome.target = this.#target.text;
    if (has(seen, ATTEMPT)) outcome.attempt = this.#attempt;
    return outcome;
  }

  /** Records that come together were mostly admitted under one generation. */
  #admitted(): Admission {
    const [incarnation, generation] = [this.#incarnation, this.#generation];
    const last = this.#admission;
    return last.incarnation === incarnation && last.generation === generation ? last : (this.#admission = Object.freeze({ incarnation, generation }));
  }
}

function shapeOf(length: number, second: number): number {
  return (length << 8) | second;
}

function bits(...fields: readonly number[]): number {
  return fields.reduce((all, field) => all | (1 << field), 0);
}

function has(seen: number, field: number): boolean {
  return (seen & (1 << field)) !== 0;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * Reading of records that only Fuseboard itself writes (control, transitions, snapshots). A bad one is no expected
 * failure but a broken store or a newer version, so reading throws, and the error names record and field.
 */
import { isObject, parseBytes, refusal, shown } from './json.ts';
import type { JsonObject } from './json.ts';

/** Far above any document (documents/text.ts has their bound); a larger record is no record of ours. */
const RECORD_BYTES_MAX = 4_194_304;

export class UnreadableRecord extends Error {
  override readonly name = 'UnreadableRecord';
}

/** Fields of one JSON object, each read with its check; `what` names the record in errors. */
export class Fields {
  readonly what: string;
  readonly #object: JsonObject;
  readonly #path: string;

  constructor(what: string, object: JsonObject, path = '') {
    this.what = what;
    this.#object = object;
    this.#path = path;
  }

  static of(what: string, bytes: Uint8Array): Fields {
    const parsed = parseBytes(bytes, RECORD_BYTES_MAX);
    if (!parsed.ok) throw new UnreadableRecord(`${what}: ${parsed.reason}`);
    return Fields.within(what, parsed.value);
  }

  /** Of a record that stands in another one. */
  static within(what: string, value: unknown): Fields {
    if (!isObject(value)) throw new UnreadableRecord(`${what}: ${refusal('the value', value, 'a JSON object')}`);
    const version = value['v'];
    if (version !== 1) throw new UnreadableRecord(`${what}: version ${shown(version)} is not known here, 1 is`);
    return new Fields(what, value);
  }

  has(field: string): boolean {
    return this.#object[field] !== undefined;
  }

  raw(field: string): unknown {
    return this.#object[field];
  }

  text(field: string): string {
    const value = this.#object[field];
    return typeof value === 'string' ? value : this.fail(field, 'a string');
  }

  oneOf<const T extends string>(field: string, allowed: readonly T[]): T {
    const value = this.#object[field];
    return allowed.includes(value as T) ? (value as T) : this.fail(field, allowed.join(', '));
  }

  number(field: string): number {
    const value = this.#object[field];
    return typeof value === 'number' && Number.isFinite(value) ? value : this.fail(field, 'a number');
  }

  boolean(field: string): boolean {
    const value = this.#object[field];
    return typeof value === 'boolean' ? value : this.fail(field, 'true or false');
  }

  integer(field: string, min = 0): number {
    const value = this.#object[field];
    return Number.isSafeInteger(value) && (value as number) >= min ? (value as number) : this.fail(field, `a whole number from ${min}`);
  }

  /** ISO 8601 as `Date` writes it, to ms since 1970. */
  time(field: string): number {
    const value = this.#object[field];
    const timeMs = typeof value === 'string' ? timeOf(value) : Number.NaN;
    return Number.isNaN(timeMs) ? this.fail(field, 'a time such as 2026-09-21T14:13:20.123Z') : timeMs;
  }

  object(field: string): Fields {
    const value = this.#object[field];
    return isObject(value) ? new Fields(this.what, value, `${this.#path}${field}.`) : this.fail(field, 'an object');
  }

  fail(field: string, allowed: string): never {
    throw new UnreadableRecord(`${this.what}: ${refusal(this.#path + field, this.#object[field], allowed)}`);
  }
}

/** What came to be together has one time, and comes together. */
let last: { readonly text: string; readonly timeMs: number } = { text: '', timeMs: Number.NaN };

function timeOf(text: string): number {
  if (last.text !== text) last = { text, timeMs: Date.parse(text) };
  return last.timeMs;
}

/** `{ [name]: value }`, or nothing where it is absent: for optional fields, which are left out and never undefined. */
export function given<const K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { [P in K]?: V });
}

/** While it is put together: of what there are many, a spread for each optional field takes longer than reading it. */
export type Written<T> = { -readonly [Field in keyof T]: T[Field] };

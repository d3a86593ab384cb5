/**
 * Reading a plain value field by field, so that every problem of a document is found and not only the first: each
 * read notes what is wrong with its path and what would be allowed, and goes on with a stand-in.
 */
import { isObject, shown } from '../json.ts';
import { suggestion } from './suggestion.ts';

export type Path = readonly (string | number)[];

export interface Note {
  readonly path: Path;
  /** What was found and what is allowed. */
  readonly message: string;
}

/** What reading one document found. A document with a problem is not used at all; warnings only inform. */
export interface Notes {
  readonly problems: Note[];
  readonly warnings: Note[];
}

const UINT32_MAX = 4_294_967_295;

/** A value and where it stands. */
export class Place {
  readonly value: unknown;
  readonly notes: Notes;
  /** Where it stands is worked out when a note asks: of most places nobody does. */
  readonly #above: Path | Place;
  /** Within the place above; undefined: `#above` is the path itself. */
  #step: string | number | undefined;

  constructor(value: unknown, above: Path | Place, notes: Notes) {
    this.value = value;
    this.notes = notes;
    this.#above = above;
  }

  get path(): Path {
    const above = this.#above instanceof Place ? this.#above.path : this.#above;
    return this.#step === undefined ? above : [...above, this.#step];
  }

  /** A field without value (`http:` and nothing below) counts as absent, as Kubernetes has it. */
  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** Own fields only: `__proto__` and the like are unknown fields, never inherited ones. */
  at(field: string): Place {
    const inside = isObject(this.value) && Object.hasOwn(this.value, field) ? this.value[field] : undefined;
    return this.#below(inside, field);
  }

  /** Is it an object? Any field but `allowed` is a problem. */
  hasOnly(allowed: readonly string[]): boolean {
    if (!isObject(this.value)) {
      this.refuse(`an object with ${allowed.join(', ')}`);
      return false;
    }
    for (const field of Object.keys(this.value)) {
      if (!allowed.includes(field)) this.at(field).problem(`unknown field${suggestion(field, allowed)}; allowed here: ${allowed.join(', ')}`);
    }
    return true;
  }

  /** An absent object reads as one without fields. */
  open(allowed: readonly string[]): this {
    if (!this.absent) this.hasOnly(allowed);
    return this;
  }

  items(what: string): readonly Place[] {
    if (Array.isArray(this.value)) return this.value.map((item, i) => this.#below(item, i));
    this.refuse(what);
    return [];
  }

  #below(value: unknown, step: string | number): Place {
    const place = new Place(value, this, this.notes);
    place.#step = step;
    return place;
  }

  text(allowed: string, fits: (text: string) => boolean = () => true): string {
    if (typeof this.value === 'string' && fits(this.value)) return this.value;
    this.refuse(allowed);
    return '';
  }

  integer(min: number, max: number): number {
    const { value } = this;
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number;
    this.refuse(`a whole number from ${min} to ${max}`);
    return min;
  }

  uint32(): number {
    return this.integer(0, UINT32_MAX);
  }

  ratio(): number {
    const { value } = this;
    if (typeof value === 'number' && value >= 0 && value <= 1) return value;
    this.refuse('a number from 0 to 1 (0.1 is 10 %), 0 for off');
    return 0;
  }

  oneOf<const T extends string>(allowed: readonly [T, ...T[]]): T {
    if (allowed.includes(this.value as T)) return this.value as T;
    const close = typeof this.value === 'string' ? suggestion(this.value, allowed) : '';
    this.refuse(allowed.join(', ') + close);
    return allowed[0];
  }

  refuse(allowed: string): void {
    this.problem(this.absent ? `missing, required: ${allowed}` : `found ${shown(this.value)}; allowed: ${allowed}`);
  }

  problem(message: string): void {
    this.notes.problems.push({ path: this.path, message });
  }

  warn(message: string): void {
    this.notes.warnings.push({ path: this.path, message });
  }
}

/** `spec.httpRoutes[0].path`. */
export function pathText(path: Path): string {
  let text = '';
  for (const step of path) text += typeof step === 'number' ? `[${step}]` : `${text === '' ? '' : '.'}${step}`;
  return text;
}

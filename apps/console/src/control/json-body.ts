/** A request's JSON, read field by field: what can't be read is refused by its name. */
import { parseGoDuration } from '#wire';
import { invalid } from '../breaker-queries.ts';
import { asHttp } from '../http-answers.ts';

export class JsonBody {
  readonly #fields: Readonly<Record<string, unknown>>;

  private constructor(fields: Readonly<Record<string, unknown>>) {
    this.#fields = fields;
  }

  /** @throws {HttpException} for anything but an object with fields of `allowed` */
  static of(raw: unknown, allowed: readonly string[]): JsonBody {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) throw asHttp(invalid('body', 'no JSON object', `an object with ${allowed.join(', ')}`));
    const unknown = Object.keys(raw).find((field) => !allowed.includes(field));
    if (unknown !== undefined) throw asHttp(invalid(unknown, 'an unknown field', allowed.join(', ')));
    return new JsonBody(raw as Readonly<Record<string, unknown>>);
  }

  /** '' where it is absent. */
  text(field: string): string {
    const value = this.#fields[field] ?? '';
    return typeof value === 'string' ? value : this.#refuse(field, 'a string');
  }

  /** False where it is absent. */
  flag(field: string): boolean {
    const value = this.#fields[field] ?? false;
    return typeof value === 'boolean' ? value : this.#refuse(field, 'true or false');
  }

  oneOf<const T extends string>(field: string, allowed: readonly T[]): T {
    const value = this.#fields[field];
    return allowed.includes(value as T) ? (value as T) : this.#refuse(field, allowed.join(' or '));
  }

  /** ms, of Go's durations; undefined where it is absent. */
  duration(field: string): number | undefined {
    const value = this.#fields[field];
    if (value === undefined) return undefined;
    const ns = typeof value === 'string' ? parseGoDuration(value) : undefined;
    return ns === undefined ? this.#refuse(field, 'a duration such as "10m", "90s" or "1h30m"') : Number(ns) / 1e6;
  }

  #refuse(field: string, allowed: string): never {
    throw asHttp(invalid(field, JSON.stringify(this.#fields[field])?.slice(0, 60) ?? 'nothing', allowed));
  }
}

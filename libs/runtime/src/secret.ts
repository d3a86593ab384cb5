/**
 * A value that must not be printed. Whatever prints it (a template, JSON, a log line, `util.inspect`) gets
 * `[redacted]`; only `reveal()` gives the value, so that a search for that word finds every use.
 */
import { inspect } from 'node:util';

const REDACTED = '[redacted]';

export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value itself; for the one place that needs it, never for a message. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

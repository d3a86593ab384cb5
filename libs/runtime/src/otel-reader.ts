/** The kinds of values that OpenTelemetry's variables have. An empty one is not set. What is wrong is said by name, and secrets are never shown. */
import { Secret } from './secret.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

interface Closed<T extends string> {
  readonly allowed: readonly T[];
  readonly fallback: NoInfer<T>;
}

interface Range {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** RFC 9110 5.6.2 and 5.5. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const PAIRS_MAX = 128;

export class OtelReader {
  readonly #env: Environment;
  readonly #problems: string[];

  constructor(env: Environment, problems: string[]) {
    this.#env = env;
    this.#problems = problems;
  }

  problem(text: string): void {
    this.#problems.push(text);
  }

  text(variable: string): string | undefined {
    const text = this.#env[variable]?.trim();
    return text === '' ? undefined : text;
  }

  /** The exporter's variable: that of traces where it is set, else the general one. */
  ofTraces(name: string): string {
    const own = `OTEL_EXPORTER_OTLP_TRACES_${name}`;
    return this.text(own) === undefined ? `OTEL_EXPORTER_OTLP_${name}` : own;
  }

  isTrue(variable: string): boolean {
    return this.oneOf(variable, { allowed: ['true', 'false'], fallback: 'false' }) === 'true';
  }

  oneOf<const T extends string>(variable: string, { allowed, fallback }: Closed<T>): T {
    const text = this.text(variable);
    const found = allowed.find((each) => each === text?.toLowerCase());
    if (found !== undefined || text === undefined) return found ?? fallback;
    return this.#refuse(variable, allowed.join(', '), fallback);
  }

  listOf<const T extends string>(variable: string, { allowed, fallback }: { readonly allowed: readonly T[]; readonly fallback: readonly NoInfer<T>[] }): readonly T[] {
    const texts = this.text(variable)?.split(',').map((each) => each.trim().toLowerCase()) ?? fallback;
    if (texts.every((text) => (allowed as readonly string[]).includes(text))) return texts as readonly T[];
    return this.#refuse(variable, `${allowed.join(', ')}, with commas`, fallback);
  }

  whole(variable: string, { fallback, min, max }: Range): number {
    const text = this.text(variable);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= min && value <= max) return value;
    return this.#refuse(variable, `a whole number from ${min} to ${max}`, fallback);
  }

  share(variable: string, fallback: number): number {
    const text = this.text(variable);
    if (text === undefined) return fallback;
    const value = Number(text);
    return value >= 0 && value <= 1 ? value : this.#refuse(variable, 'a number from 0 to 1', fallback);
  }

  /** @param path appended to its own. @returns undefined: not set, or refused. */
  url(variable: string, path?: string): ReturnType<OtelReader['urlOf']> | undefined {
    const text = this.text(variable);
    if (text === undefined) return undefined;
    const url = URL.parse(text);
    if (url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '') return this.urlOf(text, path);
    this.problem(`${variable}: found a value that is none of those (it may hold a secret, and is not shown), allowed: http://HOST:PORT or https://HOST:PORT, with or without a path; a login belongs into OTEL_EXPORTER_OTLP_HEADERS`);
    return undefined;
  }

  urlOf(text: string, path?: string): { readonly endpoint: Secret; readonly place: string } {
    const url = new URL(text);
    if (path !== undefined) url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`;
    return { endpoint: new Secret(url.href), place: url.origin };
  }

  /** `KEY=VALUE`, with commas, percent-encoded (as W3C Baggage writes them). */
  pairs(variable: string): Readonly<Record<string, string>> {
    const pairs = this.#pairs(variable);
    if (pairs !== undefined) return Object.fromEntries(pairs);
    return this.#refuse(variable, PAIRS_ALLOWED, {});
  }

  headers(variable: string): Readonly<Record<string, Secret>> {
    const pairs = this.#pairs(variable);
    if (pairs?.every(([name, value]) => HEADER_NAME.test(name) && HEADER_VALUE.test(value)) === true) return Object.fromEntries(pairs.map(([name, value]) => [name, new Secret(value)]));
    this.problem(`${variable}: found a value that is none of those (it is secret, and not shown), allowed: headers as ${PAIRS_ALLOWED}`);
    return {};
  }

  #pairs(variable: string): [string, string][] | undefined {
    const parts = (this.text(variable) ?? '').split(',').map((part) => part.trim()).filter((part) => part !== '');
    if (parts.length > PAIRS_MAX) return undefined;
    try {
      const pairs = parts.map((part): [string, string] => {
        const at = part.indexOf('=');
        return [decodeURIComponent(part.slice(0, Math.max(0, at)).trim()), decodeURIComponent(part.slice(at + 1).trim())];
      });
      return pairs.some(([key]) => key === '') ? undefined : pairs;
    } catch {
      return undefined;
    }
  }

  #refuse<T>(variable: string, allowed: string, fallback: T): T {
    this.problem(`${variable}: found ${JSON.stringify(this.text(variable))}, allowed: ${allowed}`);
    return fallback;
  }
}

const PAIRS_ALLOWED = `KEY=VALUE, at most ${PAIRS_MAX} with commas, what is special in them percent-encoded`;

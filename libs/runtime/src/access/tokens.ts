/** Bearer tokens: what admits whom. Several of a role may be in use, so that one can take another's place without a gap. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from '../logger.ts';
import { renew } from '../renewal.ts';
import { Secret } from '../secret.ts';
import { StartError } from '../start-error.ts';

/** Who writes may read. */
export type AccessRole = 'read' | 'write';

export const TOKENS_ALLOWED = '1 to 20 tokens with white space between them, each of 1 to 4096 visible ASCII characters';
const TOKENS_MAX = 20;
/** ms; how long a token that was taken out of its file may still admit. */
const LOOKED_AT_EACH_MS = 5_000;

/** Gives undefined for what isn't allowed. */
export function parseTokens(text: string): readonly string[] | undefined {
  const found = text.trim().split(/\s+/);
  return found.length <= TOKENS_MAX && found.every((token) => /^[\x21-\x7e]{1,4096}$/.test(token)) ? found : undefined;
}

/** Where tokens come from: a variable's value, or a file that may change. */
export class TokenSource {
  readonly #variable: string;
  readonly #path: string | undefined;
  #tokens: readonly Secret[];

  /** @param of `path`: of the file that they were read from */
  constructor(of: { readonly variable: string; readonly tokens: readonly string[]; readonly path?: string | undefined }) {
    this.#variable = of.variable;
    this.#path = of.path;
    this.#tokens = of.tokens.map((token) => new Secret(token));
  }

  get isFile(): boolean {
    return this.#path !== undefined;
  }

  get tokens(): readonly Secret[] {
    return this.#tokens;
  }

  /** What this process shows to others: the first, by its file as it is now. */
  shown(): Secret {
    try {
      this.#tokens = this.read();
    } catch {
      // The one before may still be good; if it isn't, who is asked will say so.
    }
    return this.#tokens[0] as Secret;
  }

  /** @throws {StartError} the file can't be used */
  read(): readonly Secret[] {
    if (this.#path === undefined) return this.#tokens;
    const where = `${this.#variable}_FILE: ${this.#path}`;
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (error) {
      throw new StartError(`${where} can't be read: ${(error as Error).message}`);
    }
    const tokens = parseTokens(text);
    if (tokens === undefined) throw new StartError(`${where} holds something that is none of those (it is secret, and not shown), allowed: ${TOKENS_ALLOWED}`);
    return tokens.map((token) => new Secret(token));
  }
}

export interface TokenSources {
  readonly read?: TokenSource;
  readonly write?: TokenSource;
}

/** The tokens in force. */
export class Tokens {
  readonly #sources: readonly (readonly [AccessRole, TokenSource])[];
  #digests: readonly (readonly [AccessRole, Buffer])[];

  constructor({ read, write }: TokenSources) {
    this.#sources = [...(write === undefined ? [] : [['write', write] as const]), ...(read === undefined ? [] : [['read', read] as const])];
    this.#digests = this.#digestsOf((source) => source.tokens);
  }

  get areNone(): boolean {
    return this.#sources.length === 0;
  }

  /** Takes one time whatever was presented, and whichever it is. */
  roleOf(presented: string): AccessRole | undefined {
    const digest = digestOf(presented);
    let found: AccessRole | undefined;
    for (const [role, own] of this.#digests) {
      const isIt = timingSafeEqual(digest, own);
      found = isIt ? (found ?? role) : found;
    }
    return found;
  }

  /** Reads files again from now on. Gives what ends it. @param eachMs default 5,000 */
  keepRenewed(logger: Pick<Logger, 'info' | 'error'>, eachMs = LOOKED_AT_EACH_MS): () => void {
    if (!this.#sources.some(([, source]) => source.isFile)) return () => undefined;
    return renew({
      read: () => this.#digestsOf((source) => source.read()),
      current: this.#digests,
      isSame: (one, other) => one.length === other.length && one.every(([role, digest], at) => role === other[at]?.[0] && digest.equals(other[at][1])),
      use: (digests) => (this.#digests = digests),
      what: 'the set of tokens',
      logger,
      eachMs,
    });
  }

  #digestsOf(tokensOf: (source: TokenSource) => readonly Secret[]): [AccessRole, Buffer][] {
    return this.#sources.flatMap(([role, source]) => tokensOf(source).map((token): [AccessRole, Buffer] => [role, digestOf(token.reveal())]));
  }
}

/** Of one length whatever was presented. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

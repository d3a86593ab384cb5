/**
 * Who may ask. On loopback everybody: whoever is on this machine, but for pages of other sites in a browser there. Beyond
 * it who shows a token or a client's certificate; reads also without, where that was said (`FUSEBOARD_ANONYMOUS`).
 */
import { isIP } from 'node:net';
import { isLoopback } from '../address.ts';
import type { Logger } from '../logger.ts';
import type { Access } from './access-config.ts';
import { FailureLimit } from './failure-limit.ts';
import { Tokens, type AccessRole } from './tokens.ts';

export interface Asked {
  /** The header as it came. */
  readonly authorization: string | undefined;
  /** The other end's address, without its port. */
  readonly peer: string;
  /** HTTP's header; absent: no browser can ask so. */
  readonly host?: string | undefined;
  /** Whom a certificate names that one of ours signed; absent: none was shown. */
  readonly certificateNames?: readonly string[] | undefined;
}

export type Verdict =
  | { readonly admitted: true; /** It may also write. */ readonly mayWrite: boolean }
  | { readonly admitted: false; readonly why: 'unauthenticated' | 'forbidden'; readonly reason: string }
  | { readonly admitted: false; readonly why: 'too-many'; readonly reason: string; readonly retryAfterSeconds: number };

export type Refusal = Exclude<Verdict, { readonly admitted: true }>;

/** As HTTP says it. */
export function refusalOf(verdict: Refusal): { readonly status: 401 | 403 | 429; readonly headers: Readonly<Record<string, string>> } {
  switch (verdict.why) {
    case 'unauthenticated':
      return { status: 401, headers: { 'www-authenticate': 'Bearer' } };
    case 'forbidden':
      return { status: 403, headers: {} };
    case 'too-many':
      return { status: 429, headers: { 'retry-after': String(verdict.retryAfterSeconds) } };
  }
}

const WRITER: Verdict = { admitted: true, mayWrite: true };
const READER: Verdict = { admitted: true, mayWrite: false };

interface Shared {
  readonly access: Access;
  readonly tokens: Tokens;
  readonly failures: FailureLimit;
}

/** Of one process: its surfaces share the tokens in force, and who tried wrong ones. */
export class Gates {
  readonly #shared: Shared;

  constructor(access: Access, monotonicMs?: () => number) {
    this.#shared = { access, tokens: new Tokens(access.tokens), failures: new FailureLimit(monotonicMs) };
  }

  /** @param host what the surface listens on */
  at(host: string): Gate {
    return new Gate(this.#shared, host);
  }

  /** Reads tokens' files again from now on. Gives what ends it. @param eachMs default 5,000 */
  keepRenewed(logger: Pick<Logger, 'info' | 'error'>, eachMs?: number): () => void {
    return this.#shared.tokens.keepRenewed(logger, eachMs);
  }
}

export class Gate {
  readonly #isOpen: boolean;
  readonly #access: Access;
  readonly #tokens: Tokens;
  readonly #failures: FailureLimit;

  constructor({ access, tokens, failures }: Shared, host: string) {
    this.#isOpen = isLoopback(host);
    this.#access = access;
    this.#tokens = tokens;
    this.#failures = failures;
  }

  judge(asked: Asked, call: AccessRole): Verdict {
    if (this.#isOpen && isOwnName(asked.host)) return WRITER;
    const certified = this.#roleOfCertificate(asked.certificateNames);
    if (certified === 'write') return WRITER;
    const presented = /^bearer +(\S+) *$/i.exec(asked.authorization ?? '')?.[1];
    if (presented !== undefined && !this.#tokens.areNone) {
      const verdict = this.#judgeToken(presented, asked.peer, call);
      // A certificate that may read reads, whatever token stands beside it.
      if (verdict.admitted || certified !== call) return verdict;
    }
    if (call === 'read' && (certified === 'read' || this.#access.anonymousReads)) return READER;
    if (certified === 'read') return forbidden('this certificate may only read; allowed to write: those that FUSEBOARD_CONSOLE_TLS_WRITERS names, or a token');
    return unauthenticated(this.#needed(asked.host));
  }

  #judgeToken(presented: string, peer: string, call: AccessRole): Verdict {
    const waitMs = this.#failures.waitMs(peer);
    if (waitMs > 0) return tooMany(Math.ceil(waitMs / 1_000));
    const role = this.#tokens.roleOf(presented);
    if (role === undefined) {
      this.#failures.failed(peer);
      return unauthenticated('the bearer token is not the one that is configured');
    }
    if (role === 'write') return WRITER;
    return call === 'read' ? READER : forbidden('this token may only read; writes need one of FUSEBOARD_TOKEN');
  }

  #roleOfCertificate(names: readonly string[] | undefined): AccessRole | undefined {
    if (names === undefined) return undefined;
    return names.some((name) => this.#access.tlsWriters.includes(name)) ? 'write' : 'read';
  }

  #needed(host: string | undefined): string {
    if (this.#isOpen) {
      return `asked for as "${host ?? ''}"; on loopback allowed: by an address, as localhost, or with a token, so that no page of another site can ask`;
    }
    if (this.#tokens.areNone) return 'nothing but reads is allowed here, because no token is configured (FUSEBOARD_TOKEN)';
    return 'a bearer token is needed (FUSEBOARD_TOKEN)';
  }
}

/**
 * A page of another site asks under that site's name, which it can have resolved to loopback: a name that isn't this
 * machine's own is no proof that a person here asks.
 */
function isOwnName(host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = /^(?:\[([^\]]*)\]|([^:]*))(?::\d*)?$/.exec(host.trim().toLowerCase());
  const [bare = ''] = [name?.[1] ?? name?.[2]];
  return isIP(bare) !== 0 || bare === 'localhost' || bare.endsWith('.localhost');
}

function unauthenticated(reason: string): Verdict {
  return { admitted: false, why: 'unauthenticated', reason };
}

function forbidden(reason: string): Verdict {
  return { admitted: false, why: 'forbidden', reason };
}

function tooMany(retryAfterSeconds: number): Verdict {
  return { admitted: false, why: 'too-many', reason: `too many wrong tokens came from this address; allowed: again in ${retryAfterSeconds} s`, retryAfterSeconds };
}

/**
 * Who may ask. On loopback everybody: whoever is on this machine. Beyond it the token, but for reads where that was
 * said (INTERFACES: `FUSEBOARD_ANONYMOUS`).
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isLoopback, type Access } from '#runtime';

export type Verdict = { readonly admitted: true } | { readonly admitted: false; readonly reason: string };

const ADMITTED: Verdict = { admitted: true };

export class Gate {
  readonly #open: boolean;
  readonly #anonymousReads: boolean;
  readonly #token: Buffer | undefined;

  /** @param host what the surface listens on */
  constructor({ token, anonymousReads }: Access, host: string) {
    this.#open = isLoopback(host);
    this.#anonymousReads = anonymousReads;
    this.#token = token && digest(token.reveal());
  }

  /** @param authorization the header as it came */
  judge(authorization: string | undefined, call: 'read' | 'write'): Verdict {
    if (this.#open) return ADMITTED;
    const presented = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (presented !== undefined && this.#token !== undefined) {
      return timingSafeEqual(digest(presented), this.#token) ? ADMITTED : refused('the bearer token is not the one that is configured');
    }
    if (call === 'read' && this.#anonymousReads) return ADMITTED;
    if (this.#token === undefined) return refused('nothing but reads is allowed here, because no token is configured (FUSEBOARD_TOKEN)');
    return refused('a bearer token is needed (FUSEBOARD_TOKEN)');
  }
}

function refused(reason: string): Verdict {
  return { admitted: false, reason };
}

/** Of one length whatever was presented, so that comparing takes one time. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Addresses of names, looked up once for all who ask at about the same time. */
import { lookup as lookUp } from 'node:dns/promises';

/** All addresses of a name, in the order of preference; rejects with an error whose `code` says why. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export interface ResolverOptions {
  /** Monotonic, ms. */
  readonly now: () => number;
  /** Default: the system's, by getaddrinfo, in its order. */
  readonly lookup?: Lookup;
}

interface Answer {
  readonly addresses: Promise<readonly string[]>;
  /** Infinity while it is being looked up. */
  staleAtMs: number;
}

/** An answer, or that there is none, serves all who ask within this time; so a name is looked up once a second at most. */
const ANSWER_MS = 1_000;
/** Names remembered; beyond, the one that was looked up longest ago is forgotten. */
const NAMES_MAX = 1_000;

export class Resolver {
  readonly #now: () => number;
  readonly #lookup: Lookup;
  /** In the order of looking up. */
  readonly #answers = new Map<string, Answer>();

  constructor(options: ResolverOptions) {
    this.#now = options.now;
    this.#lookup = options.lookup ?? systemLookup;
  }

  /** At least one; rejects where there is none (`ENOTFOUND` and others of getaddrinfo). */
  async addressesOf(host: string): Promise<readonly string[]> {
    const known = this.#answers.get(host);
    if (known !== undefined && this.#now() < known.staleAtMs) return known.addresses;
    this.#answers.delete(host);
    for (const [oldest] of this.#answers) {
      if (this.#answers.size < NAMES_MAX) break;
      this.#answers.delete(oldest);
    }
    const answer: Answer = { addresses: this.#look(host), staleAtMs: Infinity };
    this.#answers.set(host, answer);
    const settle = (): void => {
      answer.staleAtMs = this.#now() + ANSWER_MS;
    };
    answer.addresses.then(settle, settle);
    return answer.addresses;
  }

  async #look(host: string): Promise<readonly string[]> {
    const addresses = [...new Set(await this.#lookup(host))];
    if (addresses.length > 0) return addresses;
    throw Object.assign(new Error(`${host} has no address`), { code: 'ENODATA' });
  }
}

async function systemLookup(host: string): Promise<readonly string[]> {
  return (await lookUp(host, { all: true, order: 'verbatim' })).map(({ address }) => address);
}

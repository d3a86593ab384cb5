/**
 * Is the log that is read still the one that was begun with? A topic that is made again under its name is found out at
 * once where it is shorter than our position. Where it has outgrown that, its records would be taken for what follows
 * ours (V1). Making one again breaks off whoever is reading, so it takes a gap between two answers: behind each gap the
 * last record from before it must still be there, as it was.
 */

/** Longer than a broker holds a request, and shorter than a topic mostly takes to be deleted, made and to grow (Pump looks for the rest), ms. */
const GAP_MAX_MS = 500;

export interface Sighting {
  readonly offset: number;
  readonly appendMs: number;
}

export interface LogLook {
  /** V1: of the log as it is now; undefined: its first record is gone. */
  readonly identity: () => Promise<string | undefined>;
  /** Append time of the record at this offset; undefined: there is none. */
  readonly appendMsAt: (offset: number) => Promise<number | undefined>;
  /** Never set, ms. */
  readonly monotonicMs: () => number;
}

export class LogWatch {
  readonly #look: LogLook;
  #identity: string | undefined;
  /** The last record from before the gap. */
  #last: Sighting | undefined;
  /** The last record. */
  #latest: Sighting | undefined;
  #readMs = 0;
  #isDoubted = false;

  constructor(look: LogLook) {
    this.#look = look;
  }

  /** There was a gap, and what came behind it may be of another log: `isSame` is to be asked before it is handed over. */
  get isDoubted(): boolean {
    return this.#isDoubted;
  }

  /** To be called before each claim, which finds out by itself what became of the log before. */
  async begin(): Promise<void> {
    this.#last = undefined;
    this.#latest = undefined;
    this.#isDoubted = false;
    this.#readMs = this.#look.monotonicMs();
    this.#identity = await this.#look.identity();
  }

  /** The log has answered: this is the last record it gave; undefined: none. */
  answered(last: Sighting | undefined): void {
    const nowMs = this.#look.monotonicMs();
    if (nowMs - this.#readMs > GAP_MAX_MS) this.#isDoubted = true;
    this.#readMs = nowMs;
    if (last !== undefined) this.#latest = last;
    if (!this.#isDoubted) this.#last = this.#latest;
  }

  /** False: it is another log. Asked behind what was read, it speaks for all of that: no log comes back. */
  async isSame(): Promise<boolean> {
    const [last, latest] = [this.#last, this.#latest];
    this.#isDoubted = false;
    try {
      const isSame = last === undefined ? (await this.#look.identity()) === this.#identity : (await this.#look.appendMsAt(last.offset)) === last.appendMs;
      if (isSame && !this.#isDoubted) this.#last = this.#latest;
      else if (isSame) this.#last = latest;
      return isSame;
    } catch (error) {
      this.#isDoubted = true;
      throw error;
    }
  }
}

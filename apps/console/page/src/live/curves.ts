/** The small curves: how near each upstream was to tripping, begun by the console and gone on with here. */

const SCALE = 100;
const SAMPLES = 60;

export class Curves {
  readonly #curves = new Map<string, Uint8Array>();

  /** As the console has it. */
  set(upstream: string, base64: string): void {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    if (bytes.length === SAMPLES) this.#curves.set(upstream, bytes);
  }

  /** A sample of each. @param of how near it is now; of upstreams without a curve too, of `counted` */
  sample(counted: Iterable<string>, of: (upstream: string) => number): void {
    for (const upstream of counted) if (!this.#curves.has(upstream) && of(upstream) > 0) this.#curves.set(upstream, new Uint8Array(SAMPLES));
    for (const [upstream, before] of this.#curves) {
      const bytes = new Uint8Array(SAMPLES);
      bytes.set(before.subarray(1));
      bytes[SAMPLES - 1] = Math.min(255, Math.round(of(upstream) * SCALE));
      if (bytes.every((each) => each === 0)) this.#curves.delete(upstream);
      else this.#curves.set(upstream, bytes);
    }
  }

  /** Oldest first, 1 being the threshold; undefined: it was quiet all the time. */
  of(upstream: string): readonly number[] | undefined {
    const bytes = this.#curves.get(upstream);
    return bytes && Array.from(bytes, (each) => each / SCALE);
  }
}

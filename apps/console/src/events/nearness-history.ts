/**
 * How near each upstream was to tripping in the last two minutes, for the small curves. One byte a sample, and nothing at
 * all for an upstream whose samples are all 0.
 */

/** A new sample each, ms. */
export const SAMPLE_MS = 2_000;
const SAMPLES = 60;
/** One byte holds 0 to 2.55 thresholds. */
const SCALE = 100;
/** Upstreams beyond it have no curve until another falls quiet. */
const CURVES_MAX = 20_000;

interface Curve {
  readonly bytes: Uint8Array;
  /** Samples since one was above 0. */
  quiet: number;
}

export class NearnessHistory {
  readonly #curves = new Map<string, Curve>();

  /** @param touched upstreams that may have begun to count @param of how near one is now */
  sample(touched: Iterable<string>, of: (upstream: string) => number): void {
    for (const upstream of touched) {
      if (this.#curves.size < CURVES_MAX && !this.#curves.has(upstream) && of(upstream) > 0) this.#curves.set(upstream, { bytes: new Uint8Array(SAMPLES), quiet: 0 });
    }
    for (const [upstream, curve] of this.#curves) {
      const value = Math.min(255, Math.round(of(upstream) * SCALE));
      curve.bytes.copyWithin(0, 1);
      curve.bytes[SAMPLES - 1] = value;
      curve.quiet = value > 0 ? 0 : curve.quiet + 1;
      if (curve.quiet >= SAMPLES) this.#curves.delete(upstream);
    }
  }

  /** Oldest first, in hundredths, base64; undefined: all of them are 0. */
  of(upstream: string): string | undefined {
    const curve = this.#curves.get(upstream);
    return curve && Buffer.from(curve.bytes).toString('base64');
  }
}

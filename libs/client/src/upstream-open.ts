/** What a call gets in place of the upstream's answer while its breaker is open. */
import type { DegradedAnswer, Refuse } from '#engine';

export class UpstreamOpen extends Error {
  override readonly name = 'UpstreamOpen';
  readonly upstream: string;
  readonly state = 'open';
  /** Until the breaker closes by itself, ms, more than 0; undefined: somebody holds it open by hand, without an end. */
  readonly retryAfterMs: number | undefined;
  /** The policy's: `degradedStatusCode` and `degradedResponseContent`, or their defaults. */
  readonly degraded: DegradedAnswer;

  /** @param nowMs on the clock that the refusal's end is on */
  constructor(upstream: string, { degraded, untilMs }: Refuse, nowMs: number) {
    const retryAfterMs = untilMs === undefined ? undefined : Math.max(1, untilMs - nowMs);
    super(`the breaker of ${upstream} is open${retryAfterMs === undefined ? '' : ` for another ${(retryAfterMs / 1_000).toFixed(1)} s`}`);
    this.upstream = upstream;
    this.retryAfterMs = retryAfterMs;
    this.degraded = degraded;
  }

  /** What Fuseboard's proxy puts on the degraded answer, so that a caller further on can tell it (O3). */
  get headers(): Readonly<Record<string, string>> {
    return {
      'x-fuseboard-state': this.state,
      ...(this.retryAfterMs !== undefined && { 'retry-after': String(Math.ceil(this.retryAfterMs / 1_000)) }),
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
    };
  }
}

/**
 * One guarded call: asked for from memory, refused without being made, or made, measured and reported once. What sees it
 * end may be a promise, an Observable or a plain return; whichever comes first counts, at the response head (O1).
 */
import type { Admit, Call, Decision } from '#engine';
import { readCallResult } from './call-result.ts';
import { classify, type Classified, type Classify, type Ended } from './classify.ts';
import { UpstreamOpen } from './upstream-open.ts';

/** What guarding takes: the client, or a test's. */
export interface GuardPort {
  decide(upstream: string): Decision;
  /** Must not throw. */
  take(call: Call): void;
  /** What is wrong with what `classify` gave. Must not throw. */
  refuseOutcome(problem: string): void;
  /** The clock that refusals end on, ms since 1970. */
  nowMs(): number;
  /** Never set back, ms. */
  monotonicMs(): number;
}

export interface GuardOptions<T> {
  /** What the end says of the upstream; default: see docs/client.md. */
  readonly classify?: Classify;
  /** Whose call this is: if it was aborted when the call fails, the upstream isn't blamed (O3). */
  readonly signal?: AbortSignal | undefined;
  /** In place of the upstream while its breaker is open; absent: `UpstreamOpen` is thrown. */
  readonly fallback?: (open: UpstreamOpen) => T | PromiseLike<T>;
}

/** A call that was let through. */
export class GuardedCall {
  readonly #port: GuardPort;
  readonly #upstream: string;
  readonly #admit: Admit;
  readonly #options: Pick<GuardOptions<unknown>, 'classify' | 'signal'>;
  readonly #begunMs: number;
  #isOver = false;

  private constructor(port: GuardPort, of: { readonly upstream: string; readonly admit: Admit }, options: Pick<GuardOptions<unknown>, 'classify' | 'signal'>) {
    this.#port = port;
    this.#upstream = of.upstream;
    this.#admit = of.admit;
    this.#options = options;
    this.#begunMs = port.monotonicMs();
  }

  static begin(port: GuardPort, upstream: string, options: Pick<GuardOptions<unknown>, 'classify' | 'signal'> = {}): GuardedCall | UpstreamOpen {
    const decision = port.decide(upstream);
    if (decision.kind === 'refuse') return new UpstreamOpen(upstream, decision, port.nowMs());
    return new GuardedCall(port, { upstream, admit: decision }, options);
  }

  /** It has come to this end; only the first one counts. */
  end(ended: Ended): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const durationMs = Math.max(0, this.#port.monotonicMs() - this.#begunMs);
    if ('error' in ended && this.#options.signal?.aborted === true) return;
    const classified = this.#classified(ended);
    if (classified === 'none') return;
    const result = readCallResult(classified);
    if (typeof result === 'string') return this.#port.refuseOutcome(result);
    this.#port.take({ ...callOf(this.#upstream, this.#admit), result, durationMs });
  }

  #classified(ended: Ended): Classified {
    try {
      return this.#options.classify?.(ended) ?? classify(ended);
    } catch (error) {
      this.#port.refuseOutcome(`classify threw ${String(error)}`);
      return 'none';
    }
  }
}

/** A call as the decision that let it through stamps it (G2, V4, L4). */
export function callOf(upstream: string, { admitted, local, slowTimeThresholdMs }: Admit): Omit<Call, 'result'> {
  return {
    upstream,
    ...(admitted === undefined ? {} : { admitted }),
    ...(local === undefined ? {} : { local }),
    ...(slowTimeThresholdMs === undefined ? {} : { slowTimeThresholdMs }),
  };
}

/** @throws UpstreamOpen the breaker is open, and there is no fallback; else what `fn` throws */
export async function guard<T>(begun: GuardedCall | UpstreamOpen, fn: () => T | PromiseLike<T>, { fallback }: Pick<GuardOptions<T>, 'fallback'> = {}): Promise<T> {
  if (begun instanceof UpstreamOpen) {
    if (fallback === undefined) throw begun;
    return await fallback(begun);
  }
  try {
    const value = await fn();
    begun.end({ value });
    return value;
  } catch (error) {
    begun.end({ error });
    throw error;
  }
}

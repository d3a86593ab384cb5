/**
 * V7 as one would write it down at first: every outcome that counted, one by one, in the window that it fell into, and
 * every opening with the generation and window that it came from. Sums are made anew each time.
 */
import { PROVISIONAL_VERDICTS, isError, type Admission, type Call, type Policy, type ProvisionalVerdict, type Snapshot } from '#engine';

interface NaiveWindow {
  readonly under: Admission;
  startMs: number;
  readonly calls: Call[];
}

export interface NaiveOpening {
  readonly window: NaiveWindow;
  readonly lengthMs: number;
  readonly fromMs: number;
  verdict: ProvisionalVerdict | undefined;
}

export class NaiveProvisional {
  readonly windows: NaiveWindow[] = [];
  readonly openings: NaiveOpening[] = [];
  /** Undefined: nothing may be counted into the last one any more. */
  #window: NaiveWindow | undefined;

  /** The one that lasts, if one does; the monotonic clock says until when. */
  lasting(monotonicMs: number): NaiveOpening | undefined {
    const last = this.openings.at(-1);
    if (last === undefined || last.verdict !== undefined) return undefined;
    if (monotonicMs < last.fromMs + last.lengthMs) return last;
    last.verdict = 'none';
    return undefined;
  }

  count(call: Call, under: Admission, { policy, nowMs, monotonicMs }: { policy: Policy; nowMs: number; monotonicMs: number }): void {
    const window = this.#windowFor(under, nowMs, policy.statTimeWindowMs);
    if (this.openings.some((opening) => opening.window === window)) return;
    window.calls.push(call);
    const errors = window.calls.filter(({ result }) => isError(result)).length;
    const slow = window.calls.filter(({ durationMs = 0 }) => durationMs >= policy.slowTimeThresholdMs).length;
    const { errorAmountThreshold, slowAmountThreshold, degradedTimeWindowMs } = policy;
    const isReached = (errorAmountThreshold > 0 && errors >= errorAmountThreshold) || (slowAmountThreshold > 0 && slow >= slowAmountThreshold);
    if (isReached) this.openings.push({ window, fromMs: monotonicMs, lengthMs: Math.min(1_000, degradedTimeWindowMs), verdict: undefined });
  }

  hear({ incarnation, generation, state, override, policy }: Snapshot, monotonicMs: number): void {
    const lasting = this.lasting(monotonicMs);
    if (lasting === undefined) return;
    const { under } = lasting.window;
    const isSame = incarnation === under.incarnation && generation === under.generation;
    const isLater = incarnation > under.incarnation || (incarnation === under.incarnation && generation > under.generation);
    const isOrdinary = state === 'closed' && override === undefined && policy !== undefined;
    if (isLater || (isSame && !isOrdinary)) lasting.verdict = state === 'open' ? 'agreed' : 'other';
  }

  end(monotonicMs: number): void {
    const lasting = this.lasting(monotonicMs);
    if (lasting !== undefined) lasting.verdict = 'other';
  }

  empty(): void {
    this.#window = undefined;
  }

  verdicts(monotonicMs: number): Record<ProvisionalVerdict, number> {
    this.lasting(monotonicMs);
    const of = (verdict: ProvisionalVerdict): number => this.openings.filter((opening) => opening.verdict === verdict).length;
    return Object.fromEntries(PROVISIONAL_VERDICTS.map((verdict) => [verdict, of(verdict)])) as Record<ProvisionalVerdict, number>;
  }

  #windowFor(under: Admission, nowMs: number, lengthMs: number): NaiveWindow {
    const before = this.#window;
    if (before?.under.generation === under.generation && before.under.incarnation === under.incarnation) {
      if (before.startMs > nowMs + 5_000) before.startMs = nowMs;
      if (nowMs < before.startMs + lengthMs) return before;
    }
    this.#window = { under, startMs: nowMs, calls: [] };
    this.windows.push(this.#window);
    return this.#window;
  }
}

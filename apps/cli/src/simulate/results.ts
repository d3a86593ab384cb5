/** What a simulation came to, as programs read it. */
import type { WindowCounts } from '#engine';
import type { PolicyResult } from './policy-run.ts';

export interface ShownResults {
  readonly policies: readonly ShownPolicy[];
}

interface ShownPolicy {
  readonly name: string;
  readonly transitions: readonly ShownTransition[];
  /** Transitions that are not listed; absent: all are. */
  readonly omitted?: number;
  readonly ledger: PolicyResult['ledger'];
}

/** Times are whole ms since 1970, as in `fuseboard.transitions`. */
interface ShownTransition {
  readonly upstream: string;
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly window: { readonly startedAt?: number; readonly total: number; readonly errors: number; readonly slow: number };
  readonly reason: string;
  /** Of the call that opened it: `FILE:LINE`. */
  readonly place?: string;
}

export function shownResults(results: readonly PolicyResult[], placeOf: (offset: number) => string): ShownResults {
  return {
    policies: results.map(({ name, transitions, omitted, ledger }) => ({
      name,
      transitions: transitions.map(({ offset, transition: { upstream, atMs, from, to, window, reason, cause } }) => {
        const place = cause.kind === 'outcome' ? { place: placeOf(offset) } : {};
        return { upstream, at: atMs, from, to, window: shownWindow(window), reason, ...place };
      }),
      ...(omitted > 0 && { omitted }),
      ledger,
    })),
  };
}

function shownWindow({ startedAtMs, ...counts }: WindowCounts): ShownTransition['window'] {
  return startedAtMs === undefined ? counts : { startedAt: startedAtMs, ...counts };
}

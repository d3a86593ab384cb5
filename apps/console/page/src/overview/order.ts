/** Which upstreams are shown, and in which order: what matters most first. */
import type { Breaker } from '../live/breaker.ts';

export const SHOWN = ['all', 'open', 'near', 'held'] as const;
/** `near`: half of the way to a threshold, or further. `held`: by hand. */
export type Shown = (typeof SHOWN)[number];

export interface Listed {
  readonly upstreams: readonly Breaker[];
  /** Of all, whatever was searched for. */
  readonly counts: Readonly<Record<Shown, number>>;
}

export interface Listing {
  readonly breakers: Iterable<Breaker>;
  readonly nearness: (upstream: string) => number;
  /** Words that must all be in the name, or in the policy's. */
  readonly search: string;
  readonly shown: Shown;
}

export const NEAR = 0.5;

/** Open ones first, the newest of them at the top; then those held by hand; then those near a threshold; the rest by name. */
export function listed({ breakers, nearness, search, shown }: Listing): Listed {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  const counts = { all: 0, open: 0, near: 0, held: 0 };
  const found: { readonly breaker: Breaker; readonly rank: number }[] = [];
  for (const breaker of breakers) {
    const isOpen = breaker.state === 'open' && breaker.admit === 0;
    const isHeld = breaker.override !== undefined;
    // What isn't enforced and would be open refuses nothing, and is as near as can be.
    const isNear = !isOpen && !isHeld && (breaker.state === 'open' || nearness(breaker.upstream) >= NEAR);
    counts.all += 1;
    if (isOpen) counts.open += 1;
    if (isHeld) counts.held += 1;
    if (isNear) counts.near += 1;
    const isShown = shown === 'all' || (shown === 'open' && isOpen) || (shown === 'held' && isHeld) || (shown === 'near' && isNear);
    if (isShown && matches(breaker, words)) found.push({ breaker, rank: isOpen ? 0 : isHeld ? 1 : isNear ? 2 : 3 });
  }
  found.sort((a, b) => a.rank - b.rank || (a.rank === 0 ? compare(b.breaker.since, a.breaker.since) : 0) || compare(a.breaker.upstream, b.breaker.upstream));
  return { upstreams: found.map(({ breaker }) => breaker), counts };
}

function matches({ upstream, policy }: Breaker, words: readonly string[]): boolean {
  const named = policy === undefined ? '' : `${policy.namespace}/${policy.name}`.toLowerCase();
  return words.every((word) => upstream.includes(word) || named.includes(word));
}

/** By code units: one order on every machine, and quick. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

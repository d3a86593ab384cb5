/** The processes, told while somebody looks at them: a stream of its own, as long as the page is at the fleet. */
import { useEffect, useState } from 'preact/hooks';
import type { Processes } from '../live/fleet.ts';
import { EventFollower } from '../live/sse.ts';
import { bearer, tokenShown } from '../shared/token.ts';

export interface Told {
  /** Undefined: they have not come. */
  readonly processes: Processes | undefined;
  /** When they came, by `performance.now()`. */
  readonly atMs: number;
  /** Why nothing newer comes; undefined: it does. */
  readonly cut: string | undefined;
}

/** Between two letters of a search, ms. */
const TYPING_MS = 200;

export function useProcesses(search: string): Told {
  const [told, tell] = useState<Told>({ processes: undefined, atMs: 0, cut: undefined });
  useEffect(() => {
    const follower = new EventFollower({
      url: `/api/v1/fleet/events?search=${encodeURIComponent(search)}`,
      headers: bearer,
      onEvent: ({ event, data }) => {
        if (event === 'processes') tell({ processes: JSON.parse(data) as Processes, atMs: performance.now(), cut: undefined });
      },
      onCut: ({ why }) => tell((before) => ({ ...before, cut: why })),
    });
    const timer = setTimeout(() => follower.start(), TYPING_MS);
    return () => {
      clearTimeout(timer);
      follower.stop();
    };
  }, [search, tokenShown()]);
  return told;
}

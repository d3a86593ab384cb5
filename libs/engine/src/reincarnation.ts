/** V1: when the log is no longer the one that a state was folded from, or no longer all of it. */
import type { Incarnation } from './control-view.ts';
import type { LogBounds } from './ports.ts';

/** In words; undefined: the last incarnation goes on from `from`. */
export function reincarnationReason(last: Incarnation | undefined, bounds: LogBounds, from: number): string | undefined {
  if (last === undefined) return 'first use of this log';
  if (isAnother(last.identity, bounds)) return 'the log is another one: its first record differs';
  if (from < bounds.first) return `the log was cut: it begins at ${bounds.first}, needed from ${from}`;
  if (from > bounds.next) return `the log lost its end: it goes to ${bounds.next}, ${from} was reached`;
  return undefined;
}

/** V1: told by the first record for as long as it is there. */
export function isAnother(identity: string, bounds: LogBounds): boolean {
  return bounds.identity !== undefined && bounds.identity !== identity;
}

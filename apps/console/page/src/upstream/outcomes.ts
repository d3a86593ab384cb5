/** What the console says of outcomes, and its tallies by time, gone on with by what is counted since. */
import type { Breaker } from '../live/breaker.ts';

export interface Tally {
  readonly calls: number;
  readonly errors: number;
  readonly slow: number;
}

export interface OutcomeRead {
  readonly offset: number;
  readonly appended_at: string;
  readonly result: { readonly status?: number; readonly grpc_status?: number; readonly failure?: string; readonly ok?: true };
  readonly error: boolean;
  readonly slow: boolean;
  readonly duration_ms?: number;
  readonly count: number;
  readonly reporter: string;
  readonly id?: string;
  readonly target?: string;
}

export interface RecentOutcomes {
  readonly partition: number;
  readonly from?: { readonly offset: number; readonly at: string };
  readonly whole: boolean;
  readonly bucket_ms: number;
  readonly buckets: readonly (Tally & { readonly at: string })[];
  readonly reporters: readonly (Tally & { readonly reporter: string; readonly last_at: string })[];
  readonly last: readonly OutcomeRead[];
}

export const NONE: Tally = { calls: 0, errors: 0, slow: 0 };

/**
 * What was counted between two tellings. A trip empties the window, and says what was in it; when the state that it began
 * is over, the trip may still be the last change that was told.
 */
export function countedSince(before: Breaker, now: Breaker): Tally {
  const last = now.last_transition;
  const isTrip = now.generation !== before.generation && last?.generation === now.generation && last.cause.kind === 'outcome';
  const evidence = isTrip ? last.window : undefined;
  const { total, errors, slow, started_at } = evidence ?? now.window;
  const base = started_at !== undefined && started_at === before.window.started_at ? before.window : { total: 0, errors: 0, slow: 0 };
  return { calls: Math.max(0, total - base.total), errors: Math.max(0, errors - base.errors), slow: Math.max(0, slow - base.slow) };
}

export function plus(a: Tally, b: Tally): Tally {
  return { calls: a.calls + b.calls, errors: a.errors + b.errors, slow: a.slow + b.slow };
}

export interface Bar extends Tally {
  readonly atMs: number;
}

/** The last `count` of them, those without calls too. */
export function barsUpTo(nowMs: number, { bucketMs, count, tallies }: { readonly bucketMs: number; readonly count: number; readonly tallies: ReadonlyMap<number, Tally> }): readonly Bar[] {
  const last = Math.floor(nowMs / bucketMs) * bucketMs;
  return Array.from({ length: count }, (_, index) => {
    const atMs = last - (count - 1 - index) * bucketMs;
    return { atMs, ...(tallies.get(atMs) ?? NONE) };
  });
}

export function resultWord({ status, grpc_status, failure }: OutcomeRead['result']): string {
  if (status !== undefined) return `status ${status}`;
  return grpc_status === undefined ? (failure ?? 'ok') : `gRPC status ${grpc_status}`;
}

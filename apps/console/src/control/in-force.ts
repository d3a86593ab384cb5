/** When a control record is in force as far as readers see: the owners have committed marks that take it (C2). */
import { partitionOf } from '#wire';
import type { ReadModel } from '../read-model.ts';

export interface Awaited {
  readonly offset: number;
  /** Whose partitions must have taken it. */
  readonly upstreams: readonly string[];
  /** Must the documents in force be those as of it? */
  readonly isDocument: boolean;
  readonly waitMs: number;
}

/** Settles with the time at which it was in force, ms since 1970; undefined: not within `waitMs`. */
export function inForceAt(model: ReadModel, partitions: number, { offset, upstreams, isDocument, waitMs }: Awaited): Promise<number | undefined> {
  const numbers = [...new Set(upstreams.map((upstream) => partitionOf(upstream, partitions)))];
  const isInForce = (): boolean => (!isDocument || model.documentsControl >= offset) && numbers.every((partition) => model.controlOf(partition) >= offset);
  if (waitMs <= 0) return Promise.resolve(undefined);
  if (isInForce()) return Promise.resolve(Date.now());
  return new Promise((resolve) => {
    const settle = (timeMs: number | undefined): void => {
      clearTimeout(timer);
      off();
      resolve(timeMs);
    };
    const timer = setTimeout(() => settle(undefined), waitMs).unref();
    const off = model.onProgress(() => {
      if (isInForce()) settle(Date.now());
    });
  });
}

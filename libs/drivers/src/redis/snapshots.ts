import type { Snapshot } from '#engine';
import { decodeSnapshot } from '#wire';
import { mapInSlices } from './slices.ts';

/** The values of a `:snapshots` hash, by name: a hash has no order. */
export async function decodeSnapshots(values: readonly Buffer[]): Promise<Snapshot[]> {
  const snapshots = await mapInSlices(values, decodeSnapshot);
  return snapshots.toSorted((a, b) => (a.upstream < b.upstream ? -1 : 1));
}

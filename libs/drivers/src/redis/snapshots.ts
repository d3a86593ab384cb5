import type { Snapshot } from '#engine';
import { decodeSnapshot } from '#wire';
import { mapInSlices } from './slices.ts';

/** The values of a `:snapshots` hash, in no order, as they are in it. */
export async function decodeSnapshots(values: readonly Buffer[]): Promise<Snapshot[]> {
  return await mapInSlices(values, decodeSnapshot);
}

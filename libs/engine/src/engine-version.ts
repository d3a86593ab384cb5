/**
 * Which rules a fold follows. They are part of what makes a state, so they stand in the log like everything else: a
 * control record raises them, and each partition follows the higher ones from the mark on that takes it (C2).
 */

/**
 * The newest rules that this engine knows. To be raised with each change by which the same records could make another
 * state; what was folded by the older ones must go on being folded by them, for as long as there are logs of it.
 */
export const ENGINE_VERSION = 1;

/** A partition is in the hands of a newer Fuseboard, and isn't to be touched by this one. The message says what to do. */
export class GivesWay extends Error {
  override readonly name = 'GivesWay';
}

export function newerEngine(partition: number, { found, known }: { readonly found: number; readonly known: number }): GivesWay {
  return new GivesWay(`partition ${partition} is folded by engine ${found}, and this process has engine ${known}: it leaves the partition alone; upgrade it`);
}

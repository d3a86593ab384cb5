import { GivesWay, type PartitionMeta } from '#engine';

/** Of what a commit writes; to be raised where an older Fuseboard would misread it. Absent in a hash: 1. */
export const META_VERSION = 1;

/** The store was written for another number of partitions, so its upstreams lie elsewhere (L1, L2). */
export class OtherPartitionsError extends Error {
  override readonly name = 'OtherPartitionsError';

  constructor(key: string, { found, wanted }: { readonly found: string; readonly wanted: number }) {
    super(`${key} was written with ${found} partitions, and this process has FUSEBOARD_PARTITIONS=${wanted}`);
  }
}

/**
 * The fields of a `:meta` hash. Undefined: the store has nothing of the partition.
 * @throws {OtherPartitionsError}
 * @throws {GivesWay} it was written by a newer Fuseboard
 * @throws Error a field isn't what a commit writes
 */
export function metaOf(fields: Readonly<Record<string, string>>, { key, partitions }: { readonly key: string; readonly partitions: number }): PartitionMeta | undefined {
  if (fields['next'] === undefined) return undefined;
  if (fields['partitions'] !== String(partitions)) throw new OtherPartitionsError(key, { found: String(fields['partitions']), wanted: partitions });
  if (Number(fields['v'] ?? 1) > META_VERSION) {
    throw new GivesWay(`${key} was written by a newer Fuseboard (version ${fields['v']}, this one knows ${META_VERSION}): this process leaves the partition alone; upgrade it`);
  }
  const integer = (name: string, min = 0): number => {
    const value = Number(fields[name] ?? Number.NaN);
    if (!Number.isSafeInteger(value) || value < min) throw new Error(`${key}: ${name} is "${fields[name]}"; allowed: a whole number from ${min}`);
    return value;
  };
  return {
    incarnation: integer('incarnation'),
    next: integer('next'),
    clockMs: integer('clock'),
    control: integer('control', -1),
    sequence: integer('sequence'),
    ...(fields['log'] ? { log: fields['log'] } : {}),
    ...(fields['engine'] === undefined ? {} : { engine: integer('engine', 1) }),
    ...(fields['restoringTo'] === undefined ? {} : { restoringTo: integer('restoringTo') }),
  };
}

/** V3: nothing was written between these two. */
export function isSameMeta(a: PartitionMeta | undefined, b: PartitionMeta | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.incarnation === b.incarnation && a.next === b.next && a.sequence === b.sequence;
}

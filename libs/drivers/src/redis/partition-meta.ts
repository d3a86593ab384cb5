import type { PartitionMeta } from '#engine';

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
 * @throws Error a field isn't what a commit writes
 */
export function metaOf(fields: Readonly<Record<string, string>>, { key, partitions }: { readonly key: string; readonly partitions: number }): PartitionMeta | undefined {
  if (fields['next'] === undefined) return undefined;
  if (fields['partitions'] !== String(partitions)) throw new OtherPartitionsError(key, { found: String(fields['partitions']), wanted: partitions });
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
    ...(fields['restoringTo'] === undefined ? {} : { restoringTo: integer('restoringTo') }),
  };
}

/** V3: nothing was written between these two. */
export function isSameMeta(a: PartitionMeta | undefined, b: PartitionMeta | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.incarnation === b.incarnation && a.next === b.next && a.sequence === b.sequence;
}

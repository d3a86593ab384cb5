import type { PartitionMeta, Snapshot } from '#engine';
import { decodeSnapshot } from '#wire';

/** What a commit told on its partition's channel (V3). */
export interface Change {
  readonly meta: PartitionMeta;
  /** What was there before; absent: all was written again, from whatever was there. */
  readonly after?: Pick<PartitionMeta, 'next' | 'sequence'>;
  /** Those that it brought, read now: not everybody wants them. Undefined: too large to be told. */
  readonly snapshots: () => readonly Snapshot[] | undefined;
}

const NEWLINE = 10;

/**
 * A message: one line of JSON, then a line for each snapshot.
 * @throws Error it is no such thing
 */
export function readChange(message: Buffer): Change {
  const [first, ...snapshots] = linesOf(message);
  const { incarnation, next, clock, control, sequence, restoringTo, after, snapshots: changed } = JSON.parse(String(first)) as Record<string, unknown>;
  const numbers = [incarnation, next, clock, control, sequence, changed, restoringTo ?? 0];
  if (!numbers.every((each) => Number.isSafeInteger(each))) throw new Error(`a message of a commit begins with ${String(first).slice(0, 200)}`);
  const meta = { incarnation, next, clockMs: clock, control, sequence, ...(restoringTo === undefined ? {} : { restoringTo }) } as PartitionMeta;
  return {
    meta,
    ...(after === undefined ? {} : { after: after as NonNullable<Change['after']> }),
    snapshots: () => (snapshots.length === changed ? snapshots.map(decodeSnapshot) : undefined),
  };
}

/** Does nothing lie between what is known and this change? The offset tells too: a store that fell back counts its writes anew. */
export function isNextAfter({ meta, after }: Change, known: PartitionMeta): boolean {
  return meta.incarnation === known.incarnation && after?.sequence === known.sequence && after.next === known.next;
}

function linesOf(message: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from <= message.length; ) {
    const end = message.indexOf(NEWLINE, from);
    lines.push(message.subarray(from, end === -1 ? message.length : end));
    from = end === -1 ? message.length + 1 : end + 1;
  }
  return lines;
}

/** What was told of a partition's transitions against those that its log makes (G1, K3). */
import { transitionName, type OutboxEntry, type PartitionFold, type ToldTransition, type Transition, type TransitionHistory } from '#engine';
import type { ControlRecords } from './control-records.ts';
import { fieldsApart, type Differences } from './difference.ts';

/** Records read at once. */
const READ_MAX = 1_000;

export interface TransitionComparison {
  readonly history: TransitionHistory;
  /** As it was before the store was read: what stands there was committed by then (K3). */
  readonly told: { readonly first: number; readonly next: number };
  readonly fold: PartitionFold;
  readonly made: readonly OutboxEntry[];
  /** Committed, and perhaps not told yet. */
  readonly outbox: readonly OutboxEntry[];
  /** What an upstream's generation was where the fold began. */
  readonly generationAtStart: ReadonlyMap<string, number>;
  readonly control: ControlRecords;
  readonly isAsked: (upstream: string) => boolean;
}

/** Every record of the transitions log, in order. */
export async function* toldTransitions(history: TransitionHistory, partition: number): AsyncGenerator<ToldTransition> {
  let { first: position } = await history.bounds(partition);
  for (;;) {
    const { records, next } = await history.read(partition, position, READ_MAX);
    yield* records;
    if (next === position) return;
    position = next;
  }
}

export async function compareTransitions(comparison: TransitionComparison, differences: Differences): Promise<void> {
  const { history, told, fold, made, outbox, isAsked } = comparison;
  const expected = new Map(made.filter(({ transition }) => isAsked(transition.upstream)).map((entry) => [transitionName(entry.transition), entry]));
  const seen = new Set<string>();
  /** Of what is left; what was made before may have been told and be gone. */
  let oldestMs = told.first > 0 ? Infinity : -Infinity;
  for await (const record of toldTransitions(history, fold.partition)) {
    oldestMs = Math.min(oldestMs, record.appendMs);
    const { transition } = record;
    if (transition === undefined) {
      differences.add(fold.next, `transitions ${fold.partition}@${record.offset} can't be read`);
    } else if (isAsked(transition.upstream)) {
      const entry = expected.get(transitionName(transition));
      if (entry !== undefined) seen.add(transitionName(transition));
      compareTold(comparison, { ...record, transition }, { entry, differences });
    }
  }
  const waiting = new Set(outbox.map(({ transition }) => transitionName(transition)));
  for (const [identity, { offset, transition }] of expected) {
    if (seen.has(identity) || waiting.has(identity) || (told.first > 0 && transition.atMs < oldestMs)) continue;
    differences.add(offset, `transition ${inShort(transition)} is missing from the transitions log`, transition.upstream);
  }
}

function compareTold(
  comparison: TransitionComparison,
  { offset, transition }: ToldTransition & { readonly transition: Transition },
  { entry, differences }: { entry: OutboxEntry | undefined; differences: Differences },
): void {
  const place = `transitions ${comparison.fold.partition}@${offset}`;
  if (entry !== undefined) {
    const apart = fieldsApart(transition, entry.transition, ['as told', 'by the log']);
    if (apart.length > 0) differences.add(entry.offset, `transition ${inShort(transition)} (${place}): ${apart.join('; ')}`, transition.upstream);
  } else if (isInvented(comparison, offset, transition)) {
    const at = transition.cause.kind === 'outcome' ? transition.cause.offset : (comparison.fold.snapshot(transition.upstream)?.next ?? comparison.fold.next);
    differences.add(at, `transition ${inShort(transition)} stands in the transitions log (${place}), and the log of outcomes makes none such`, transition.upstream);
  }
}

function isInvented({ fold, told, control, generationAtStart }: TransitionComparison, offset: number, { upstream, incarnation, generation }: Transition): boolean {
  if (incarnation !== fold.incarnation) return control.incarnation(fold.partition, incarnation) === undefined;
  if (generation <= (generationAtStart.get(upstream) ?? 0)) return false;
  // Told since: of what was folded meanwhile.
  return offset < told.next || generation <= (fold.snapshot(upstream)?.generation ?? 0);
}

/** `a.local 1/2 (closed → open)`. */
function inShort({ incarnation, generation, from, to }: Transition): string {
  return `${incarnation}/${generation} (${from} → ${to})`;
}

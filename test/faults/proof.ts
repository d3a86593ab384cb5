/** At a row's end: is what the fleet made exactly what the books say? */
import type { Snapshot, Transition } from '#engine';
import type { Drivers } from '#drivers';
import { partitionOf } from '#wire';
import { run } from '../support/command.ts';
import { eventually } from '../support/eventually.ts';
import type { Counts } from './ledger.ts';
import { CALLED, PARTITIONS, TRIP_ERRORS } from './upstreams.ts';

export interface Books {
  /** By upstream; of those whose window must hold exactly this. */
  readonly counts: ReadonlyMap<string, Readonly<Counts>>;
  /** What the called upstream answered, how many of it were errors, and how many outcomes may be gone with their proxy. */
  readonly answered: { readonly total: number; readonly errors: number; readonly lostMax: number };
  /** By upstream. */
  readonly trips: ReadonlyMap<string, number>;
}

/** How `fuseboard verify` is run, and what it may end with. */
export interface Verifying {
  readonly env: Readonly<Record<string, string>>;
  readonly verifyMay: readonly number[];
}

const DEADLINE_MS = 120_000;
const PAGE = 1_000;

/** Waits until all is folded, then compares. Gives what was compared, in words. @throws Error with every difference */
export async function prove(drivers: Drivers, books: Books, { env, verifyMay }: Verifying): Promise<string> {
  await settled(drivers, books);
  const snapshots = await snapshotsOf(drivers);
  const told = await transitionsOf(drivers);
  const wrong = [...countsWrong(books, snapshots), ...transitionsWrong(books, snapshots, told)];
  const verified = await run(['verify'], { env });
  if (!verifyMay.includes(verified.status as number)) wrong.push(`fuseboard verify ended with ${verified.status}: ${verified.stdout}${verified.stderr}`);
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
  const total = [...books.counts.values()].reduce((sum, each) => sum + each.total, 0) + (snapshots.get(CALLED)?.window.total ?? 0);
  const distinct = [...told.values()].reduce((sum, of) => sum + of.length, 0);
  return `${total.toLocaleString('en')} outcomes and ${distinct} transitions equal, verify ${verified.status === 0 ? 'equal' : `ended with ${verified.status}`}`;
}

/** Everything is folded, every trip over, and every transition told. */
async function settled(drivers: Drivers, { trips, answered }: Books): Promise<void> {
  await eventually(async () => {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const [bounds, kept] = [await drivers.reader.bounds(partition), await drivers.kept.read(partition)];
      if (kept.meta === undefined || kept.meta.next < bounds.next || kept.outbox.length > 0) return undefined;
      for (const { upstream, state, window } of kept.snapshots) {
        if (state === 'open' && trips.has(upstream)) return undefined;
        // What a proxy holds back for a moment isn't in the log yet.
        if (upstream === CALLED && window.total < answered.total - answered.lostMax) return undefined;
      }
    }
    return true;
  }, { what: 'all to be folded', deadlineMs: DEADLINE_MS, everyMs: 100 });
}

async function snapshotsOf(drivers: Drivers): Promise<ReadonlyMap<string, Snapshot>> {
  const kept = await Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => drivers.kept.read(partition)));
  return new Map(kept.flatMap(({ snapshots }) => snapshots).map((snapshot) => [snapshot.upstream, snapshot]));
}

function countsWrong({ counts, answered }: Books, snapshots: ReadonlyMap<string, Snapshot>): string[] {
  const words = (of: Partial<Counts> | undefined): string => (of === undefined ? 'nothing' : `${of.total} calls, ${of.errors} errors, ${of.slow ?? '?'} slow`);
  const wrong = [...counts].flatMap(([upstream, wanted]) => {
    const found = snapshots.get(upstream)?.window;
    const isEqual = found?.total === wanted.total && found.errors === wanted.errors && found.slow === wanted.slow;
    return isEqual ? [] : [`${upstream}: acknowledged ${words(wanted)}; counted ${words(found)}`];
  });
  const called = snapshots.get(CALLED)?.window;
  // How slow a call was on this machine, only its proxy knows.
  const missing = { total: answered.total - (called?.total ?? 0), errors: answered.errors - (called?.errors ?? 0) };
  const isAnswered = Object.values(missing).every((calls) => calls >= 0 && calls <= answered.lostMax);
  return isAnswered ? wrong : [...wrong, `${CALLED}: answered ${words(answered)}; counted ${words(called)}`];
}

/** Of the whole topic, by upstream, in their order, each once (G1). @throws Error where two of one name differ */
async function transitionsOf({ history }: Drivers): Promise<ReadonlyMap<string, readonly Transition[]>> {
  const byName = new Map<string, Transition>();
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { first, next } = await history.bounds(partition);
    for (let from = first; from < next; ) {
      const page = await history.read(partition, from, PAGE);
      if (page.next === from) break;
      from = page.next;
      for (const { transition } of page.records) if (transition !== undefined) enter(byName, transition);
    }
  }
  return Map.groupBy([...byName.values()].toSorted((a, b) => a.generation - b.generation), ({ upstream }) => upstream);
}

function enter(byName: Map<string, Transition>, transition: Transition): void {
  const name = `${transition.upstream} ${transition.incarnation}/${transition.generation}`;
  const before = byName.get(name);
  if (before !== undefined && JSON.stringify(before) !== JSON.stringify(transition)) {
    throw new Error(`${name} was told in two ways: ${JSON.stringify(before)} and ${JSON.stringify(transition)}`);
  }
  byName.set(name, transition);
}

/** A trip is two transitions, and its evidence is what was sent for it. */
function transitionsWrong({ trips }: Books, snapshots: ReadonlyMap<string, Snapshot>, told: ReadonlyMap<string, readonly Transition[]>): string[] {
  return [...trips].flatMap(([upstream, times]) => {
    const wanted = 1 + 2 * times;
    const found = (told.get(upstream) ?? []).filter(({ generation }) => generation > 1);
    const isPath = found.every(({ to, generation, window }, index) => {
      const isOpening = index % 2 === 0;
      const isEvidence = !isOpening || (window.total === TRIP_ERRORS && window.errors === TRIP_ERRORS);
      return generation === index + 2 && to === (isOpening ? 'open' : 'closed') && isEvidence;
    });
    const at = snapshots.get(upstream)?.generation;
    if (isPath && found.length === wanted - 1 && at === wanted) return [];
    const path = found.map(({ generation, to, window }) => `${generation} ${to} ${window.errors}/${window.total}`).join(', ');
    return [`${upstream} (partition ${partitionOf(upstream, PARTITIONS)}): ${times} trips, so generation ${wanted}; found ${at}, told ${path}`];
  });
}

/** What must have come about once faults have stopped for a while. */
import { Violation } from './invariants.ts';
import type { Proxy } from './proxy.ts';
import { isSame } from './same.ts';
import type { Truth } from './truth.ts';
import type { World } from './world.ts';

/** T5, and on the way to the store, ms; on top of what brokers differ by. */
export const CLOSED_WITHIN_MS = 1_000;
const BROKERS_DIFFER_MS = 2_000;

export function isConverged(world: World): boolean {
  return whatIsBehind(world) === undefined && world.proxies.every((proxy) => unsentOf(world, proxy) === 0);
}

/** I4, I5, I6. */
export function checkConverged(world: World): void {
  const behind = whatIsBehind(world);
  if (behind !== undefined) throw new Violation('I6 converged', behind);
  const unsent = world.proxies.find((proxy) => unsentOf(world, proxy) !== 0);
  if (unsent !== undefined) throw new Violation('I4 counted once', `${unsent.process.name} reported ${unsent.reported} calls, dropped ${unsent.reporter.dropped}, and the log lacks ${unsentOf(world, unsent)}`);
  for (let partition = 0; partition < world.profile.partitions; partition++) {
    const truth = world.truthNow(partition) as Truth;
    checkTold(world, truth);
    checkClosed(world, partition);
  }
}

/** T4, after `deadMs`: the end of an override whose broker was a minute ahead may be further away. */
export function checkDeadBehind({ proxies, hosts }: World, deadMs: number): void {
  for (const { process, cache, watch } of proxies) {
    for (const upstream of hosts) {
      const newest = watch.newest(upstream);
      const decision = cache.decide(upstream);
      watch.check(upstream, decision);
      const isOver = newest?.untilMs !== undefined && newest.untilMs - newest.sinceMs < deadMs;
      if (decision.kind === 'refuse' && isOver) throw new Violation('T4 dead behind', `${process.name} still refuses for ${JSON.stringify(newest)}`);
    }
  }
}

function whatIsBehind(world: World): string | undefined {
  for (let partition = 0; partition < world.profile.partitions; partition++) {
    const { meta, snapshots } = world.store.held(partition);
    const { next } = world.outcomes.bounds(partition);
    if (meta === undefined) return `the store has nothing of partition ${partition}`;
    if (world.truthNow(partition)?.log !== world.outcomes.log(partition)) return `the store has partition ${partition} of a log that is gone`;
    if (meta.next !== next) return `the store is at ${meta.next} of partition ${partition}, the log ends at ${next}`;
    if (meta.restoringTo !== undefined) return `the store says that partition ${partition} is being restored to ${meta.restoringTo}`;
    if (meta.control !== lastControl(world)) return `control up to ${meta.control} is in force in partition ${partition}, written is ${lastControl(world)}`;
    for (const { process, watch } of world.proxies) {
      for (const [upstream, snapshot] of snapshots) if (!isSame(watch.newest(upstream), snapshot)) return `${process.name} is at ${JSON.stringify(watch.newest(upstream))}, the store at ${JSON.stringify(snapshot)}`;
    }
    const untold = [...(world.truthNow(partition) as Truth).transitions.keys()].find((name) => !world.transitions.told.has(name));
    if (untold !== undefined) return `${untold} was not told`;
  }
  return undefined;
}

function lastControl({ control }: World): number {
  return control.records.length - 1;
}

/** I5: each told with the content that the log made, and a path of the machine without gap. */
function checkTold({ transitions }: World, truth: Truth): void {
  const last = new Map<string, { generation: number; to: string; openUntilMs?: number }>();
  for (const [name, { upstream, generation }] of truth.transitions) {
    const told = transitions.told.get(name);
    if (told === undefined) throw new Violation('I5 told at least once', name);
    const before = last.get(upstream);
    const isNext = generation === (before?.generation ?? 1) + 1 && told.from === (before?.to ?? 'closed');
    // Ends need a lease, and outcomes open what is closed.
    const isLegal = told.cause.kind === 'deadline' ? before?.openUntilMs === undefined ? false : told.to === 'closed' : told.cause.kind !== 'outcome' || (told.from === 'closed' && told.to === 'open');
    if (!isNext || !isLegal) throw new Violation('I5 legal path', `${JSON.stringify(told)} came after ${JSON.stringify(before)}`);
    last.set(upstream, told);
  }
}

/** T5. */
function checkClosed({ store, outcomes }: World, partition: number): void {
  const lateMs = outcomes.clockMs(partition) - CLOSED_WITHIN_MS - BROKERS_DIFFER_MS;
  for (const snapshot of store.held(partition).snapshots.values()) {
    if (snapshot.untilMs !== undefined && snapshot.untilMs < lateMs) throw new Violation('T5 closed in time', JSON.stringify(snapshot));
  }
}

/** Calls that the log hasn't: each is in a record, or in one with others (L4), or dropped and counted (V6). */
function unsentOf({ outcomes }: World, { process, reporter, reported }: Proxy): number {
  return reported - reporter.dropped - outcomes.callsOf(process.name);
}

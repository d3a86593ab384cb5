/**
 * `fuseboard verify` and `rebuild` in a simulated fleet, by their own code (libs/audit): a fleet that has come to what the
 * log says is told to be without difference, and what was tampered with is found.
 */
import { rebuildPartition, verify, type AuditOptions, type AuditPorts, type PartitionReport, type RebuildPorts } from '#audit';
import { transitionName, type CheckpointQuery, type ControlDraft, type Kept, type LogBounds, type ToldTransition } from '#engine';
import { Violation } from './invariants.ts';
import type { Service } from './network.ts';
import type { PartitionLog } from './outcome-topic.ts';
import { Process } from './process.ts';
import type { World } from './world.ts';

/** Something wrong in what verify is shown; undefined: there is nothing that it could be done to. */
type Tampering = (kept: Kept, told: readonly ToldTransition[]) => { readonly kept?: Kept; readonly told?: readonly ToldTransition[] } | undefined;

const TAMPERINGS: Readonly<Record<string, Tampering>> = {
  'a snapshot’s window': (kept) => withSnapshot(kept, (snapshot) => ({ ...snapshot, window: { ...snapshot.window, total: snapshot.window.total + 1 } })),
  'a snapshot’s generation': (kept) => withSnapshot(kept, (snapshot) => ({ ...snapshot, generation: snapshot.generation + 1 })),
  'a snapshot’s version': (kept) => withSnapshot(kept, (snapshot) => ({ ...snapshot, next: snapshot.next - 1 })),
  'a snapshot that is gone': (kept) => (kept.snapshots.length === 0 ? undefined : { kept: { ...kept, snapshots: kept.snapshots.slice(1) } }),
  'an id that is gone': (kept) => (kept.ids.length === 0 ? undefined : { kept: { ...kept, ids: kept.ids.slice(0, -1) } }),
  'the clock': (kept) => kept.meta && { kept: { ...kept, meta: { ...kept.meta, clockMs: kept.meta.clockMs + 1 } } },
  'control in force': (kept) => kept.meta && { kept: { ...kept, meta: { ...kept.meta, control: kept.meta.control - 1 } } },
  'a transition told otherwise': (kept, told) => withTold(kept, told, (transition) => [{ ...transition, atMs: transition.atMs + 1 }]),
  'a transition that was not told': (kept, told) => withTold(kept, told, () => []),
  'a transition that was invented': (kept, told) => withTold(kept, told, (transition) => [transition, { ...transition, generation: 999 }]),
};

/** Nothing goes on meanwhile. */
export async function checkVerified(world: World): Promise<void> {
  for (const report of await verified(world)) {
    const [difference] = report.differences;
    if (difference !== undefined) throw new Violation('verify', `partition ${report.partition}: ${JSON.stringify(difference)}`);
    world.count(report.unverifiable === undefined ? `verified from the ${report.from?.by}` : 'not to be verified');
    if (report.from?.by === 'log') await checkTamperingFound(world, report.partition);
  }
}

async function checkTamperingFound(world: World, partition: number): Promise<void> {
  const what = world.chance.of(Object.keys(TAMPERINGS));
  const tampered = TAMPERINGS[what]?.(keptOf(world, partition), world.transitions.of(partition));
  if (tampered === undefined) return;
  const reports = await verified(world, { partition, ...tampered });
  if (reports.every(({ differences }) => differences.length === 0)) throw new Violation('verify', `partition ${partition}: it did not find ${what}`);
  world.count('tampering found');
}

/** An operator does it, in a process that may reach what it asks for or not. */
export function rebuild(world: World, partition: number): void {
  const process = new Process(world.scheduler, `rebuild-${world.nextNumber()}`);
  const options = { ...optionsOf(world), newId: () => `${process.name}-${world.nextNumber()}` };
  void rebuildPartition(rebuildPorts(world, process), options, partition).then(
    () => world.count('rebuilt'),
    (error: unknown) => world.failed(error),
  );
}

function optionsOf({ partitionOf, profile: { lateAfterMs, idsMax } }: World): AuditOptions {
  return { partitionOf, lateAfterMs, idsMax };
}

interface Shown {
  readonly partition: number;
  readonly kept?: Kept;
  readonly told?: readonly ToldTransition[];
}

async function verified(world: World, shown?: Shown): Promise<PartitionReport[]> {
  const reports: PartitionReport[] = [];
  for await (const report of verify(auditPorts(world, { shown, ask: atOnce }), { ...optionsOf(world), upstreams: [], isQuick: false })) reports.push(report);
  return reports;
}

const atOnce: Ask = async (_to, _what, serve) => serve();

/** What the services answer. */
function answersOf(world: World, shown?: Shown) {
  const { outcomes, control } = world;
  const told = (partition: number): readonly ToldTransition[] => (partition === shown?.partition ? shown.told : undefined) ?? world.transitions.of(partition);
  return {
    bounds: (partition: number) => boundsOf(world, partition),
    read: (partition: number, from: number, max: number) => outcomes.read(partition, from, max),
    control: (from: number) => control.records.slice(from),
    kept: (partition: number) => (partition === shown?.partition ? shown.kept : undefined) ?? keptOf(world, partition),
    toldBounds: (partition: number) => ({ first: 0, next: told(partition).length }),
    told: (partition: number, from: number, max: number) => ({ records: told(partition).slice(from, from + max), next: Math.min(from + max, told(partition).length) }),
    checkpoint: (partition: number, { which, fits }: CheckpointQuery) => {
      const fitting = world.checkpoints.filter((each) => each.partition === partition && fits(each)).toSorted((a, b) => a.next - b.next);
      return fitting.at(which === 'oldest' ? 0 : -1);
    },
  };
}

type Ask = <T>(to: Service, what: string, serve: () => T) => Promise<T>;

function auditPorts(world: World, { shown, ask }: { shown?: Shown | undefined; ask: Ask }): AuditPorts {
  const answers = answersOf(world, shown);
  return {
    partitions: world.profile.partitions,
    reader: {
      bounds: async (partition) => await ask('kafka', `asks for bounds of ${partition}`, () => answers.bounds(partition)),
      read: async (partition, from, max) => await ask('kafka', `reads ${partition} from ${from}`, () => answers.read(partition, from, max)),
    },
    control: { read: async (from) => await ask('kafka', `reads control from ${from}`, () => answers.control(from)) },
    kept: { read: async (partition) => await ask('redis', `reads what is kept of ${partition}`, () => answers.kept(partition)) },
    history: {
      bounds: async (partition) => await ask('kafka', `asks for bounds of transitions ${partition}`, () => answers.toldBounds(partition)),
      read: async (partition, from, max) => await ask('kafka', `reads transitions ${partition} from ${from}`, () => answers.told(partition, from, max)),
    },
    checkpoints: { find: async (partition, query) => await ask('kafka', `looks for a checkpoint of ${partition}`, () => answers.checkpoint(partition, query)) },
  };
}

/** Everything over the network. */
function rebuildPorts(world: World, process: Process): RebuildPorts {
  const { network, outcomes, control, store } = world;
  const ask: Ask = async (to, what, serve) => await network.call(process, { to, what, serve });
  const ports = auditPorts(world, { ask });
  const looked = new Map<number, PartitionLog>();
  const append = (entries: readonly ControlDraft[]): number => {
    for (const { change } of entries) if (change.kind === 'incarnation') world.incarnate(change, looked.get(change.partition) as PartitionLog);
    return control.append(entries);
  };
  const bounds = (partition: number): LogBounds => {
    looked.set(partition, outcomes.log(partition));
    return boundsOf(world, partition);
  };
  return {
    ...ports,
    reader: { ...ports.reader, bounds: async (partition) => await ask('kafka', `asks for bounds of ${partition}`, () => bounds(partition)) },
    control: { ...ports.control, append: async (entries) => await ask('kafka', 'appends to control', () => append(entries)) },
    outcomes: {
      appendMark: async (partition, mark) => await ask('kafka', `marks ${partition}`, () => void outcomes.put(partition, { kind: 'mark', mark })),
      sendOn: async (records) => await ask('kafka', 'sends on', () => outcomes.sendOn(records)),
    },
    deadLetters: { append: async (letters) => await ask('kafka', 'buries what can’t be read', () => outcomes.buried(letters)) },
    states: {
      claim: async (partition, group) => await ask('redis', `claims ${partition}`, () => store.claim(partition, group)),
      commit: async (commit) => await ask('redis', `writes ${commit.partition} again up to ${commit.next}`, () => store.commit(commit)),
      published: async (partition, entries) => await ask('redis', `empties the outbox of ${partition}`, () => store.published(partition, entries)),
    },
    transitions: { append: async (transitions) => await ask('kafka', 'tells transitions', () => world.tell(transitions)) },
  };
}

function boundsOf(world: World, partition: number): LogBounds {
  return { ...world.outcomes.bounds(partition), passed: world.passed('a', partition) };
}

function keptOf({ store }: World, partition: number): Kept {
  const { snapshots, ids, outbox } = store.held(partition);
  const meta = store.metaOf(partition);
  return { ...(meta === undefined ? {} : { meta }), snapshots: [...snapshots.values()], ids, outbox };
}

type KeptSnapshot = Kept['snapshots'][number];

function withSnapshot(kept: Kept, change: (snapshot: KeptSnapshot) => KeptSnapshot): { kept: Kept } | undefined {
  const [first, ...others] = kept.snapshots;
  return first && { kept: { ...kept, snapshots: [change(first), ...others] } };
}

type Told = NonNullable<ToldTransition['transition']>;

/** The first that is of the incarnation in force, and doesn't wait in the outbox of a store that fell back: those will be told. */
function withTold({ meta, outbox }: Kept, told: readonly ToldTransition[], change: (transition: Told) => readonly Told[]): { told: readonly ToldTransition[] } | undefined {
  const waiting = new Set(outbox.map(({ transition }) => transitionName(transition)));
  const chosen = told.map(({ transition }) => transition).find((each) => each !== undefined && each.incarnation === meta?.incarnation && !waiting.has(transitionName(each)));
  if (chosen === undefined) return undefined;
  const name = transitionName(chosen);
  const changed = told.flatMap((record) => (record.transition !== undefined && transitionName(record.transition) === name ? change(record.transition).map((transition) => ({ ...record, transition })) : [record]));
  return { told: changed.map((record, offset) => ({ ...record, offset })) };
}

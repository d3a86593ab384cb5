/**
 * Is what stands in the store and in the transitions log what the log of outcomes makes? For each partition the state is
 * read once, and the log folded to exactly where that state says it is; so an ingest may go on meanwhile.
 */
import type { Kept, LogRecord, OutboxEntry, PartitionMeta } from '#engine';
import { ControlRecords } from './control-records.ts';
import { Differences, type Difference } from './difference.ts';
import { beginningOf, Folding, type Beginning, type Unfoldable } from './folding.ts';
import type { AuditOptions, AuditPorts, PartitionLog } from './ports.ts';
import { compareState } from './state-comparison.ts';
import { compareTransitions, toldTransitions } from './transition-comparison.ts';

export interface VerifyOptions extends AuditOptions {
  /** These and their partitions alone; empty: all. */
  readonly upstreams: readonly string[];
  /** From the newest checkpoint on, which takes its word for what was before. */
  readonly isQuick: boolean;
}

export interface PartitionReport {
  readonly partition: number;
  /** Absent: there was nothing to fold. */
  readonly from?: { readonly offset: number; readonly by: Beginning['by'] };
  /** The store's next offset. */
  readonly to?: number;
  readonly upstreams: number;
  /** Records. */
  readonly outcomes: number;
  readonly transitions: number;
  readonly differences: readonly Difference[];
  /** Differences that are not among them. */
  readonly omitted: number;
  readonly unverifiable?: Unfoldable;
}

export async function* verify(ports: AuditPorts, options: VerifyOptions): AsyncGenerator<PartitionReport> {
  const { upstreams, partitionOf, onProgress } = options;
  const all = Array.from({ length: ports.partitions }, (_, partition) => partition);
  const asked = upstreams.length === 0 ? all : [...new Set(upstreams.map(partitionOf))].toSorted((a, b) => a - b);
  for (const [index, partition] of asked.entries()) {
    yield await verifyPartition(ports, { ...options, onProgress: (share) => onProgress?.((index + share) / asked.length) }, partition);
    onProgress?.((index + 1) / asked.length);
  }
}

async function verifyPartition(ports: AuditPorts, options: VerifyOptions, partition: number): Promise<PartitionReport> {
  // In this order: whatever is told was committed before (K3), and a mark's control record was there before the mark.
  const told = await ports.history.bounds(partition);
  const kept = await ports.kept.read(partition);
  const control = await ControlRecords.read(ports.control);
  const log = { partition, bounds: await ports.reader.bounds(partition) };
  const differences = new Differences(partition);
  const by = { ports, options, told, control, log, differences };
  const nothing = { partition, upstreams: 0, outcomes: 0, transitions: 0 };
  const counted = isKept(kept) ? await verifyKept(kept, by) : noteNothingKept(by);
  return { ...nothing, ...counted, differences: differences.found, omitted: differences.omitted };
}

interface Audit {
  readonly ports: AuditPorts;
  readonly options: VerifyOptions;
  readonly told: { readonly first: number; readonly next: number };
  readonly control: ControlRecords;
  readonly log: PartitionLog;
  readonly differences: Differences;
}

type KeptState = Kept & { readonly meta: PartitionMeta };

function isKept(kept: Kept): kept is KeptState {
  return kept.meta !== undefined;
}

/** A partition that nobody has folded yet has nothing either. */
function noteNothingKept({ control, log: { partition }, differences }: Audit): object {
  const incarnation = control.incarnation(partition);
  if (incarnation !== undefined) differences.add(incarnation.startOffset, 'the store has nothing of this partition');
  return {};
}

async function verifyKept(kept: KeptState, audit: Audit): Promise<Partial<PartitionReport>> {
  const { ports, options, control, log, differences } = audit;
  const { partition, bounds } = log;
  const { meta } = kept;
  const incarnation = control.incarnation(partition, meta.incarnation);
  if (incarnation === undefined) {
    differences.add(bounds.first, `the store is of incarnation ${meta.incarnation}, which the control log doesn't know`);
    return { to: meta.next };
  }
  if (bounds.identity !== undefined && bounds.identity !== incarnation.identity) {
    differences.add(bounds.first, 'the log is another one than that of which the store is: its first record differs');
    return { to: meta.next };
  }
  const beginning = await beginningOf(ports, log, { incarnation, to: meta.next, ...(options.isQuick ? { which: 'newest', spares: () => true } : { which: 'oldest' }) });
  if ('beforeOffset' in beginning) return { to: meta.next, unverifiable: beginning, ...(await compareWithTold(kept, audit)) };
  return { from: { offset: beginning.start.next, by: beginning.by }, to: meta.next, ...(await compareFolded(kept, beginning, audit)) };
}

async function compareFolded(kept: KeptState, { start }: Beginning, { ports, options, told, control, differences }: Audit): Promise<Partial<PartitionReport>> {
  const folding = new Folding(ports, start, { control, options });
  const { fold } = folding;
  const isAsked = askedFor(options);
  const made: OutboxEntry[] = [];
  let outcomes = 0;
  await folding.to(kept.meta.next, ({ report, records, share }) => {
    for (const entry of report.transitions) if (isAsked(entry.transition.upstream)) made.push(entry);
    outcomes += records.filter(isOutcome).length;
    options.onProgress?.(share);
  });
  const upstreams = compareState({ fold, kept, made: Map.groupBy(made, ({ transition }) => transition.upstream), isAsked }, differences);
  const generationAtStart = new Map(start.snapshots.map(({ upstream, generation }) => [upstream, generation]));
  await compareTransitions({ history: ports.history, told, fold, made, outbox: kept.outbox, generationAtStart, control, isAsked }, differences);
  return { upstreams, outcomes, transitions: made.length };
}

/** Without a fold: what was told last of an upstream must be what its snapshot says. */
async function compareWithTold({ meta, snapshots, outbox }: KeptState, { ports, options, told, log: { partition }, differences }: Audit): Promise<Partial<PartitionReport>> {
  const asked = snapshots.filter(({ upstream }) => askedFor(options)(upstream));
  const byUpstream = new Map(asked.map((snapshot) => [snapshot.upstream, snapshot]));
  const waiting = new Set(outbox.map(({ transition }) => transition.upstream));
  let transitions = 0;
  for await (const { offset, transition } of toldTransitions(ports.history, partition)) {
    const snapshot = transition && byUpstream.get(transition.upstream);
    if (snapshot === undefined || transition?.incarnation !== meta.incarnation || offset >= told.next) continue;
    transitions++;
    const { upstream, generation, to } = transition;
    const isBehind = generation > snapshot.generation && !waiting.has(upstream);
    if (isBehind || (generation === snapshot.generation && to !== snapshot.state)) {
      differences.add(snapshot.next - 1, `the store says generation ${snapshot.generation}, ${snapshot.state}; the transitions log says generation ${generation}, ${to}`, upstream);
    }
  }
  return { upstreams: asked.length, transitions };
}

function askedFor({ upstreams }: VerifyOptions): (upstream: string) => boolean {
  const asked = new Set(upstreams);
  return (upstream) => asked.size === 0 || asked.has(upstream);
}

function isOutcome({ entry }: LogRecord): boolean {
  return entry.kind === 'outcome';
}

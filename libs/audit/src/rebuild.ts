/**
 * Makes a partition's state again from its log. Versions are a function of the log (V1), so they stay what they were;
 * where the log's beginning is gone and no checkpoint stands for it, a new incarnation begins, as an ingest would begin
 * it. Positions decide (K2), so ingests may run: who is slower goes on.
 */
import { transitionName, type Claim, type CommitAnswer, type ControlLog, type Incarnation, type LogBounds, type OutboxEntry, type OutcomeLog, type PartitionFold, type StateStore, type TransitionLog } from '#engine';
import { ControlRecords } from './control-records.ts';
import { beginningOf, Folding, type Beginning } from './folding.ts';
import type { AuditOptions, AuditPorts, PartitionLog } from './ports.ts';
import { Misplaced, type MisplacedPorts } from './misplaced.ts';
import { toldTransitions } from './transition-comparison.ts';

/** Its epochs count apart from any ingest's (K1). */
const GROUP = 'rebuild';
/** How often an ingest may be faster. */
const ROUNDS_MAX = 100;
/** Transitions published at once. */
const PUBLISH_MAX = 1_000;

export interface RebuildPorts extends AuditPorts, MisplacedPorts {
  readonly control: Pick<ControlLog, 'read' | 'append'>;
  readonly outcomes: Pick<OutcomeLog, 'appendMark' | 'sendOn'>;
  readonly states: StateStore;
  readonly transitions: Pick<TransitionLog, 'append'>;
}

export interface RebuildOptions extends AuditOptions {
  /** A fresh commit id. */
  readonly newId: () => string;
}

export interface RebuildReport {
  readonly partition: number;
  readonly incarnation: number;
  /** Why it is a new one; absent: it is the one that was. */
  readonly reason?: string;
  readonly from: { readonly offset: number; readonly by: Beginning['by'] };
  readonly to: number;
  readonly upstreams: number;
  /** Transitions that nobody had been told of. */
  readonly published: number;
}

/** Undefined: the log is empty, so there is nothing to make. */
export async function rebuildPartition(ports: RebuildPorts, options: RebuildOptions, partition: number): Promise<RebuildReport | undefined> {
  const log = { partition, bounds: await ports.reader.bounds(partition) };
  if (log.bounds.identity === '') return undefined;
  const control = await ControlRecords.read(ports.control);
  const { beginning, reason } = await begin(ports, control, log);
  const folding = new Folding(ports, beginning.start, { control, options });
  const { fold } = folding;
  const untold = new Map<string, OutboxEntry>();
  const { meta } = await ports.kept.read(partition);
  const misplaced = new Misplaced(ports, { partition, from: Math.max(log.bounds.passed, meta?.incarnation === fold.incarnation ? meta.next : 0) });
  await folding.to(log.bounds.next, async ({ report, records, share }) => {
    for (const entry of report.transitions) untold.set(transitionName(entry.transition), entry);
    await misplaced.take(records);
    options.onProgress?.(share);
  });
  for await (const { transition } of toldTransitions(ports.history, partition)) if (transition !== undefined) untold.delete(transitionName(transition));
  const left = await write(ports, folding, { log, untold, misplaced, newId: options.newId });
  await publish(ports, partition, left);
  const { incarnation } = fold;
  const from = { offset: beginning.start.next, by: beginning.by };
  return { partition, incarnation, ...(reason === undefined ? {} : { reason }), from, to: fold.next, upstreams: fold.snapshots().length, published: left.length };
}

async function begin(ports: RebuildPorts, control: ControlRecords, log: PartitionLog): Promise<{ beginning: Beginning; reason?: string }> {
  const { partition, bounds } = log;
  const last = control.incarnation(partition);
  const isAnother = last !== undefined && bounds.identity !== undefined && bounds.identity !== last.identity;
  if (last !== undefined && !isAnother) {
    const beginning = await beginningOf(ports, log, { incarnation: last, to: bounds.next, which: 'newest' });
    if ('start' in beginning) return { beginning };
  }
  const { meta } = await ports.kept.read(partition);
  const number = Math.max(last?.number ?? 0, meta?.incarnation ?? 0) + 1;
  const reason = last === undefined ? 'first use of this log' : isAnother ? 'the log is another one: its first record differs' : `the log was cut: it begins at ${bounds.first}, and no checkpoint stands for what was before`;
  const begun: Incarnation = { kind: 'incarnation', partition, number, identity: bounds.identity ?? '', startOffset: bounds.first };
  const offset = await ports.control.append([{ author: 'fuseboard', reason: `rebuild: ${reason}`, source: 'fuseboard', change: begun }]);
  await control.reach(offset);
  const written = control.at(offset);
  if (written === undefined) throw new Error(`partition ${partition}: incarnation ${number} was written, and can't be read yet; try again`);
  // C2: nothing else may put the documents in force, the marks that did being gone.
  await ports.outcomes.appendMark(partition, { control: offset, hash: written.hash });
  return { beginning: { start: { partition, incarnation: number, next: bounds.first, clockMs: 0, control: -1, snapshots: [], ids: [] }, by: 'log' }, reason };
}

interface Writing {
  /** As it was when the fold began. */
  readonly log: PartitionLog;
  /** By identity; what the fold of the rest makes is added. */
  readonly untold: Map<string, OutboxEntry>;
  readonly misplaced: Misplaced;
  readonly newId: () => string;
}

/** Gives what is to be published: committed now, or before and found in the outbox. */
async function write(ports: RebuildPorts, folding: Folding, { log, untold, misplaced, newId }: Writing): Promise<OutboxEntry[]> {
  const { fold } = folding;
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const claim = await ports.states.claim(fold.partition, GROUP);
    refuseNewer(fold, claim);
    const { next } = await ports.reader.bounds(fold.partition);
    await folding.to(Math.max(next, claim.meta?.next ?? 0), async ({ report, records }) => {
      for (const entry of report.transitions) untold.set(transitionName(entry.transition), entry);
      await misplaced.take(records);
    });
    refuseShorter(fold, claim);
    refuseAnother(log, await ports.reader.bounds(fold.partition), fold);
    const answer = await commit(ports.states, fold, { claim, outbox: [...untold.values()], commitId: newId() });
    if (answer.kind === 'OK' || answer.kind === 'ALREADY') return [...claim.outbox, ...untold.values()];
    if (answer.kind === 'FENCED') throw new Error(`partition ${fold.partition}: another rebuild runs, or a new incarnation has begun; try again`);
  }
  throw new Error(`partition ${fold.partition}: an ingest was faster ${ROUNDS_MAX} times; stop it, and try again`);
}

function refuseNewer({ partition, incarnation }: PartitionFold, { meta }: Claim): void {
  if (meta !== undefined && meta.incarnation > incarnation) throw new Error(`partition ${partition}: incarnation ${meta.incarnation} has begun since; try again`);
}

/** Its end is gone, and with it what the store was made from: to go back would be news to nobody but the proxies (V1). */
function refuseShorter({ partition, incarnation, next }: PartitionFold, { meta }: Claim): void {
  if (meta === undefined || meta.incarnation !== incarnation || meta.next <= next) return;
  throw new Error(`partition ${partition}: the log ends at ${next}, and the store has got to ${meta.next}: the log lost its end, and an ingest begins anew with it`);
}

/** V1. Asked behind the last read: a log that is the same now was the same when it was read. */
function refuseAnother({ partition, bounds: before }: PartitionLog, now: LogBounds, { next }: PartitionFold): void {
  const isSame = now.identity === before.identity || (now.identity === undefined && now.first > 0);
  if (isSame && now.next >= next) return;
  throw new Error(`partition ${partition}: the log was made again while it was read; try again`);
}

/** All that is there is replaced, all or nothing (K1). */
function commit(states: StateStore, fold: PartitionFold, { claim, outbox, commitId }: { claim: Claim; outbox: readonly OutboxEntry[]; commitId: string }): Promise<CommitAnswer> {
  const { partition, incarnation, next, clockMs, control } = fold;
  const expected = claim.meta?.incarnation === incarnation ? claim.meta.next : null;
  const state = { partition, incarnation, next, clockMs, control, snapshots: fold.snapshots(), ids: fold.idsSince(0), outbox };
  return states.commit({ ...state, group: GROUP, epoch: claim.epoch, commitId, expected, rewrite: true });
}

/** K3: at least once. */
async function publish({ transitions, states }: RebuildPorts, partition: number, entries: readonly OutboxEntry[]): Promise<void> {
  for (let from = 0; from < entries.length; from += PUBLISH_MAX) {
    const some = entries.slice(from, from + PUBLISH_MAX);
    await transitions.append(some.map(({ transition }) => transition));
    await states.published(partition, some);
  }
}

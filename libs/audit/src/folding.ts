/** The production fold over a stretch of the log: where it can begin, and to where it is to go. */
import { PartitionFold, type Checkpoint, type CheckpointQuery, type FoldReport, type FoldStart, type Incarnation, type LogRecord } from '#engine';
import type { ControlRecords } from './control-records.ts';
import type { AuditOptions, AuditPorts, PartitionLog } from './ports.ts';

/** Records read at once: several fetches, since the end of the last one is read again. */
const READ_MAX = 20_000;

/** The log was cut before what is needed, and no checkpoint stands for it. */
export interface Unfoldable {
  /** Nothing before it can be told. */
  readonly beforeOffset: number;
  /** When the record that stands there was appended, ms; absent: there is none. */
  readonly beforeMs?: number;
}

export interface Beginning {
  readonly start: FoldStart;
  /** What it is taken from. */
  readonly by: 'log' | 'checkpoint';
}

export interface BeginningQuery extends Pick<CheckpointQuery, 'which'> {
  readonly incarnation: Incarnation;
  /** A checkpoint's `next` is at most this. */
  readonly to: number;
  /** A checkpoint that is good enough to spare the log's beginning, where that is there. */
  readonly spares?: (checkpoint: Pick<Checkpoint, 'clockMs'>) => boolean;
}

/** The log's own beginning shows most; where it is gone, a checkpoint does. */
export async function beginningOf(ports: AuditPorts, { partition, bounds }: PartitionLog, query: BeginningQuery): Promise<Beginning | Unfoldable> {
  const { incarnation, to, which, spares } = query;
  const { number, identity, startOffset } = incarnation;
  const isWhole = startOffset >= bounds.first;
  const find = async (good: (head: Pick<Checkpoint, 'clockMs'>) => boolean): Promise<Beginning | undefined> => {
    const start = await ports.checkpoints.find(partition, {
      which,
      fits: (head) => head.incarnation === number && head.identity === identity && head.next >= bounds.first && head.next <= to && good(head),
    });
    return start && { start, by: 'checkpoint' };
  };
  const spared = spares && (await find(spares));
  if (spared !== undefined) return spared;
  if (isWhole) return { start: { partition, incarnation: number, next: startOffset, clockMs: 0, control: -1, snapshots: [], ids: [] }, by: 'log' };
  return (await find(() => true)) ?? (await unfoldable(ports, { partition, bounds }));
}

async function unfoldable(ports: AuditPorts, { partition, bounds }: PartitionLog): Promise<Unfoldable> {
  const [record] = await ports.reader.read(partition, bounds.first, 1);
  return { beforeOffset: bounds.first, ...(record === undefined ? {} : { beforeMs: record.appendMs }) };
}

/** A fold of one partition that reads for itself. */
export class Folding {
  readonly fold: PartitionFold;
  readonly #start: number;
  readonly #ports: Pick<AuditPorts, 'reader'>;
  readonly #control: ControlRecords;

  constructor(ports: Pick<AuditPorts, 'reader'>, start: FoldStart, by: { readonly control: ControlRecords; readonly options: AuditOptions }) {
    const { partitionOf, lateAfterMs, idsMax } = by.options;
    this.#ports = ports;
    this.#control = by.control;
    this.#start = start.next;
    this.fold = new PartitionFold(start, by.control.at, { owns: (upstream) => partitionOf(upstream) === start.partition, lateAfterMs, ...(idsMax === undefined ? {} : { idsMax }) });
  }

  /**
   * Folds to exactly `to`, or to where the log ends before.
   * @param hear of each batch when it is folded, with how much of the way is done, 0 to 1
   * @throws Error the log was cut meanwhile before what was to be read
   */
  async to(to: number, hear: (batch: { readonly report: FoldReport; readonly records: readonly LogRecord[]; readonly share: number }) => void | Promise<void>): Promise<void> {
    const { fold } = this;
    while (fold.next < to) {
      const records = await this.read(to);
      if (records.length === 0) return;
      const report = fold.fold(records);
      await hear({ report, records, share: (fold.next - this.#start) / (to - this.#start) });
    }
  }

  /** The next records below `to`, ready to be folded. */
  async read(to: number): Promise<readonly LogRecord[]> {
    const records = (await this.#ports.reader.read(this.fold.partition, this.fold.next, READ_MAX)).filter(({ offset }) => offset < to);
    await this.#refuseCut(records);
    for (const { entry } of records) if (entry.kind === 'mark') await this.#control.reach(entry.mark.control);
    return records;
  }

  /** Readers pass over what is gone; gaps alone are normal. */
  async #refuseCut([head]: readonly LogRecord[]): Promise<void> {
    const { partition, next } = this.fold;
    if (head?.offset === next) return;
    const { first } = await this.#ports.reader.bounds(partition);
    if (first > next) throw new Error(`partition ${partition} was cut while it was read: it begins at ${first}, ${next} was to come; try again`);
  }
}

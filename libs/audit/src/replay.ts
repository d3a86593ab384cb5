/** What became of an upstream's outcomes in a span of time, and what was decided: the production fold, record by record. */
import type { FoldReport, LogRecord, Outcome, OutboxEntry, PartitionFold, Snapshot, Tally } from '#engine';
import { ControlRecords } from './control-records.ts';
import { beginningOf, Folding, type Unfoldable } from './folding.ts';
import type { AuditOptions, AuditPorts } from './ports.ts';

/** Append times may go back by a broker's error; what is this far beyond the span ends it, ms. */
const BEYOND_MS = 60_000;

export interface ReplayOptions extends AuditOptions {
  readonly upstream: string;
  /** Append times, ms since 1970: from the first, to before the second. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** What is told, in offset order. */
export type ReplayLine =
  | {
      readonly kind: 'outcome';
      readonly offset: number;
      readonly appendMs: number;
      readonly outcome: Outcome;
      /** What became of it. */
      readonly fate: keyof Tally;
      /** As it left the breaker; absent: there is none. */
      readonly after?: Snapshot;
    }
  | ({ readonly kind: 'transition'; readonly appendMs: number } & OutboxEntry);

/** The span begins before anything that is left; what can be told begins there. */
export class Unreplayable extends Error {
  override readonly name = 'Unreplayable';
  readonly unfoldable: Unfoldable;

  constructor(unfoldable: Unfoldable) {
    super(`the log was cut at ${unfoldable.beforeOffset}, and no checkpoint stands for what was before`);
    this.unfoldable = unfoldable;
  }
}

/** @throws {Unreplayable} */
export async function* replay(ports: AuditPorts, options: ReplayOptions): AsyncGenerator<ReplayLine> {
  const partition = options.partitionOf(options.upstream);
  const log = { partition, bounds: await ports.reader.bounds(partition) };
  const control = await ControlRecords.read(ports.control);
  const incarnation = control.incarnation(partition);
  if (incarnation === undefined) return;
  const beginning = await beginningOf(ports, log, { incarnation, to: log.bounds.next, which: 'newest', spares: ({ clockMs }) => clockMs < options.fromMs });
  if ('beforeOffset' in beginning) throw new Unreplayable(beginning);
  const folding = new Folding(ports, beginning.start, { control, options });
  const { fold } = folding;
  while (fold.next < log.bounds.next && fold.clockMs < options.toMs + BEYOND_MS) {
    const records = await folding.read(log.bounds.next);
    if (records.length === 0) return;
    yield* told(fold, records, options);
    options.onProgress?.((fold.next - beginning.start.next) / (log.bounds.next - beginning.start.next));
  }
}

function* told(fold: PartitionFold, records: readonly LogRecord[], { upstream, fromMs, toMs }: ReplayOptions): Generator<ReplayLine> {
  const isAsked = ({ appendMs }: LogRecord): boolean => appendMs >= fromMs && appendMs < toMs;
  if (!records.some(isAsked)) return void fold.fold(records);
  for (const record of records) {
    const report = fold.fold([record]);
    if (isAsked(record)) yield* linesOf(fold, { record, report, upstream });
  }
}

function* linesOf(fold: PartitionFold, { record, report, upstream }: { record: LogRecord; report: FoldReport; upstream: string }): Generator<ReplayLine> {
  const { entry, offset, appendMs } = record;
  if (entry.kind === 'outcome' && entry.outcome.upstream === upstream) {
    const [fate = 'counted'] = (Object.keys(report.tally) as (keyof Tally)[]).filter((each) => report.tally[each] > 0);
    const after = fold.snapshot(upstream);
    yield { kind: 'outcome', offset, appendMs, outcome: entry.outcome, fate, ...(after === undefined ? {} : { after }) };
  }
  for (const each of report.transitions) if (each.transition.upstream === upstream) yield { kind: 'transition', appendMs, ...each };
}

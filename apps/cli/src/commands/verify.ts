/** `fuseboard verify`: is what stands in the store what the log makes? */
import { verify as verifying, type PartitionReport } from '#audit';
import { shownAs, type Output } from '../output.ts';
import { Progress } from '../progress.ts';
import { openToRead, type StoreOptions } from '../stores.ts';
import { table } from '../table.ts';

/** Exit codes beside 0 to 2. */
const DIFFERENT = 3;
const UNVERIFIABLE = 4;

export interface VerifyCommand extends StoreOptions {
  readonly upstreams: readonly string[];
  readonly quick?: boolean;
  readonly output: Output;
}

/** Gives the exit code. @throws {Failure | StartError} */
export async function verify({ upstreams, quick = false, output, ...stores }: VerifyCommand): Promise<number> {
  const { drivers, audit } = await openToRead(stores);
  const beganMs = performance.now();
  const progress = new Progress();
  const reports: PartitionReport[] = [];
  try {
    for await (const report of verifying(drivers, { ...audit, upstreams, isQuick: quick, onProgress: progress.show })) reports.push(report);
  } finally {
    progress.clear();
    await drivers.close();
  }
  const summary = summaryOf(reports, (performance.now() - beganMs) / 1_000);
  process.stdout.write(shownAs(output, { ...summary, partitions: reports }, () => text(reports, summary)));
  if (summary.differences > 0) return DIFFERENT;
  return summary.unverifiable > 0 ? UNVERIFIABLE : 0;
}

interface Summary {
  readonly upstreams: number;
  readonly outcomes: number;
  readonly transitions: number;
  readonly seconds: number;
  readonly differences: number;
  /** Partitions. */
  readonly unverifiable: number;
}

function summaryOf(reports: readonly PartitionReport[], seconds: number): Summary {
  const sum = (of: (report: PartitionReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  return {
    upstreams: sum(({ upstreams }) => upstreams),
    outcomes: sum(({ outcomes }) => outcomes),
    transitions: sum(({ transitions }) => transitions),
    seconds: Math.round(seconds * 1_000) / 1_000,
    differences: sum(({ differences, omitted }) => differences.length + omitted),
    unverifiable: sum(({ unverifiable }) => (unverifiable === undefined ? 0 : 1)),
  };
}

function text(reports: readonly PartitionReport[], { upstreams, outcomes, transitions, seconds, differences, unverifiable }: Summary): string {
  const heading = ['PARTITION', 'FROM', 'TO', 'UPSTREAMS', 'OUTCOMES', 'TRANSITIONS', 'RESULT'];
  const lines = [table([heading, ...reports.map(rowOf)]), ''];
  for (const report of reports) lines.push(...problemsOf(report));
  const compared = `compared ${upstreams} upstreams, ${outcomes} outcomes, ${transitions} transitions in ${seconds} s`;
  const rest = unverifiable === 0 ? '' : `; ${unverifiable} partitions could not be verified whole`;
  lines.push(`${compared}: ${differences === 0 ? 'no difference' : `${differences} ${differences === 1 ? 'difference' : 'differences'}`}${rest}`);
  return `${lines.join('\n')}\n`;
}

function rowOf({ partition, from, to, upstreams, outcomes, transitions, differences, omitted, unverifiable }: PartitionReport): string[] {
  const begun = from === undefined ? '-' : `${from.offset} (${from.by})`;
  const different = differences.length + omitted;
  const result = different > 0 ? `${different} different` : unverifiable === undefined ? 'equal' : 'unverifiable';
  return [`${partition}`, begun, to === undefined ? '-' : `${to}`, `${upstreams}`, `${outcomes}`, `${transitions}`, result];
}

function problemsOf({ partition, differences, omitted, unverifiable }: PartitionReport): string[] {
  const lines = differences.map(({ offset, upstream, text: what }) => `partition ${partition}, offset ${offset}: ${upstream === undefined ? '' : `${upstream}: `}${what}`);
  if (omitted > 0) lines.push(`partition ${partition}: ${omitted} more differences`);
  if (unverifiable !== undefined) lines.push(`partition ${partition}: ${unverifiableText(unverifiable)}`);
  return lines;
}

/** "unverifiable before OFFSET (TIME)". */
function unverifiableText({ beforeOffset, beforeMs }: NonNullable<PartitionReport['unverifiable']>): string {
  const time = beforeMs === undefined ? '' : ` (${new Date(beforeMs).toISOString()})`;
  return `unverifiable before ${beforeOffset}${time}: the log was cut there, and no checkpoint stands for what was before; only the newest transitions were compared`;
}

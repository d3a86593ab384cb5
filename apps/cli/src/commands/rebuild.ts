/** `fuseboard rebuild`: makes the store again from the log. */
import { randomUUID } from 'node:crypto';
import { rebuildPartition, type RebuildReport } from '#audit';
import { Failure } from '../failure.ts';
import { shownAs, type Output } from '../output.ts';
import { Progress } from '../progress.ts';
import { openToWrite, type StoreOptions } from '../stores.ts';
import { table } from '../table.ts';

export interface RebuildCommand extends StoreOptions {
  /** Absent: all. */
  readonly partition?: number;
  readonly output: Output;
}

/** @throws {Failure | StartError} */
export async function rebuild({ partition, output, ...stores }: RebuildCommand): Promise<void> {
  const { drivers, audit, trouble } = await openToWrite(stores);
  const progress = new Progress();
  const reports: RebuildReport[] = [];
  try {
    if (partition !== undefined && partition >= drivers.partitions) throw new Failure(`--partition: found ${partition}, allowed: 0 to ${drivers.partitions - 1}`, 2);
    const partitions = partition === undefined ? Array.from({ length: drivers.partitions }, (_, each) => each) : [partition];
    for (const [index, each] of partitions.entries()) {
      const onProgress = (share: number): void => progress.show((index + share) / partitions.length);
      const report = await rebuildPartition(drivers, { ...audit, newId: randomUUID, onProgress }, each);
      if (report !== undefined) reports.push(report);
    }
    const published = await drivers.publishDocuments();
    await published();
    if (trouble() !== undefined) throw new Failure(`the states are made again, but not everything went well: ${(trouble() as Error).message}; run it again`);
  } finally {
    progress.clear();
    await drivers.close();
  }
  process.stdout.write(shownAs(output, reports, () => `${table([HEADING, ...reports.map(rowOf)])}\n`));
}

const HEADING = ['PARTITION', 'FROM', 'TO', 'INCARNATION', 'UPSTREAMS', 'TRANSITIONS TOLD', 'NOTE'];

function rowOf({ partition, from, to, incarnation, upstreams, published, reason }: RebuildReport): string[] {
  return [`${partition}`, `${from.offset} (${from.by})`, `${to}`, `${incarnation}`, `${upstreams}`, `${published}`, reason === undefined ? '-' : `new incarnation: ${reason}`];
}

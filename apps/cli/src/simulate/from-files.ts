/** Calls out of files of lines. */
import { Failure } from '../failure.ts';
import { Progress } from '../progress.ts';
import { formatFinder } from './access/formats.ts';
import { UpstreamNames } from './access/upstream-names.ts';
import { readBytes, sizeOf } from './byte-source.ts';
import { Intake } from './intake.ts';
import { LineCutter } from './line-cutter.ts';
import type { Simulation } from './simulation.ts';
import type { Taken } from './taken.ts';

export interface FileSource {
  readonly files: readonly string[];
  readonly format: string;
  readonly upstream?: string;
  readonly strict: boolean;
}

/** @throws {Failure} */
export async function takeFiles(simulation: Simulation, { files, format, upstream, strict }: FileSource): Promise<Taken> {
  const names = new UpstreamNames(simulation.upstreams);
  const intake = new Intake({ simulation, format: formatFinder(format, names), isNameNeeded: !names.areTold, ...(upstream !== undefined && { upstream }) });
  await readAll(files, intake);
  const notes = intake.unreadable > 0 ? [unreadableText(intake, strict)] : [];
  if (intake.noCalls > 0) notes.push(`${intake.noCalls} lines tell of no call that an upstream answered or failed to`);
  return { placeOf: (offset) => intake.placeOf(offset), notes };
}

async function readAll(files: readonly string[], intake: Intake): Promise<void> {
  const total = await sizeOf(files);
  const progress = new Progress();
  let done = 0;
  const onRead = (bytes: number): void => {
    done += bytes;
    if (total !== undefined) progress.show(done / total);
  };
  try {
    for (const file of files) {
      intake.begin(file);
      const cutter = new LineCutter(intake);
      await readBytes(file, { hear: (chunk) => cutter.push(chunk), onRead });
      cutter.end();
    }
  } finally {
    progress.clear();
  }
}

/** @throws {Failure} where that ends it */
function unreadableText({ unreadable, read, noCalls, firstUnreadable }: Intake, strict: boolean): string {
  const rest = unreadable - firstUnreadable.length;
  const lines = firstUnreadable.map(({ place, why }) => `${place}: ${why}`);
  if (rest > 0) lines.push(`and ${rest} more`);
  const text = `${unreadable} ${unreadable === 1 ? 'line' : 'lines'} can't be read:\n  ${lines.join('\n  ')}`;
  if (strict) throw new Failure(`${text}\n--strict: this ends it`);
  if (read + noCalls === 0) throw new Failure(`${text}\nno line could be read`);
  return text;
}

/** `fuseboard simulate`: what would these policies have done with these calls? No server is asked. */
import { stringify } from 'yaml';
import { Failure } from '../failure.ts';
import { Progress } from '../progress.ts';
import { readBytes, sizeOf } from '../simulate/byte-source.ts';
import { Intake } from '../simulate/intake.ts';
import { LineCutter } from '../simulate/line-cutter.ts';
import { readOutcomeLine } from '../simulate/outcome-lines.ts';
import { readPolicyFiles } from '../simulate/policy-files.ts';
import { shownResults } from '../simulate/results.ts';
import { Simulation } from '../simulate/simulation.ts';
import { reportText } from '../simulate/report.ts';

export interface SimulateCommand {
  readonly policies: readonly string[];
  readonly files: readonly string[];
  readonly upstream?: string;
  /** A line that can't be read ends it. */
  readonly strict?: boolean;
  readonly output: 'table' | 'json' | 'yaml';
}

/** Gives the exit code. @throws {Failure} */
export async function simulate({ policies, files, upstream, strict = false, output }: SimulateCommand): Promise<number> {
  const policyFiles = await readPolicyFiles(policies, warn);
  if (files.length === 0) throw new Failure('there is nothing to simulate with; allowed: FILE…, or - for standard input', 2);
  const simulation = new Simulation(policyFiles);
  const intake = new Intake({ simulation, reader: readOutcomeLine, ...(upstream !== undefined && { upstream }) });
  await readAll(files, intake);
  if (intake.unreadable > 0) tellUnreadable(intake, strict);
  const results = simulation.end();
  const shown = shownResults(results, (offset) => intake.placeOf(offset));
  if (output === 'json') process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  else if (output === 'yaml') process.stdout.write(stringify(shown));
  else process.stdout.write(reportText(results, { seen: simulation.seen, placeOf: (offset) => intake.placeOf(offset) }));
  return 0;
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
function tellUnreadable({ unreadable, read, firstUnreadable }: Intake, strict: boolean): void {
  const rest = unreadable - firstUnreadable.length;
  const lines = firstUnreadable.map(({ place, why }) => `${place}: ${why}`);
  if (rest > 0) lines.push(`and ${rest} more`);
  const text = `${unreadable} ${unreadable === 1 ? 'line' : 'lines'} can't be read:\n  ${lines.join('\n  ')}`;
  if (strict) throw new Failure(`${text}\n--strict: this ends it`);
  if (read === 0) throw new Failure(`${text}\nno line could be read`);
  warn(text);
}

function warn(line: string): void {
  process.stderr.write(`${line}\n`);
}

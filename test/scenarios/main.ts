/**
 * `npm run scenarios`: osm-edge's nine scenarios through the real process. Ends with 0 if each of them went as it must,
 * with 1 if one did not, and with 2 for a command line that can't be read.
 */
import { writeFile } from 'node:fs/promises';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { SCENARIOS } from './catalogue.ts';
import { hasPassed, misses, table, toJson } from './report.ts';
import { runScenarios, type Run } from './run-all.ts';
import type { TargetName } from './target.ts';
import { FAST_PARALLEL, FAST_SEQUENCE, REAL, forFleet, type Scale } from './scale.ts';

interface Options {
  readonly target: TargetName;
  readonly fast?: boolean;
  readonly sequence?: boolean;
  readonly only?: readonly string[];
  readonly seed: number;
  readonly json?: string;
}

const SEED_DEFAULT = 1;

const command = new Command('npm run scenarios --')
  .description("osm-edge's nine scenarios, all at once with one host each.")
  .addOption(new Option('--target <target>', 'what is tested').choices(['embedded', 'fleet']).default('embedded'))
  .option('--fast', 'half of the calls, and seconds in place of the minute')
  .option('--sequence', "one after the other on one host, as osm-edge's test does")
  .option('--only <ids>', 'such as 2,4,7p', parseIds)
  .option('--seed <number>', 'which calls fail or are slow', parseSeed, SEED_DEFAULT)
  .option('--json <file>', 'write what was found there too')
  .exitOverride();

// By `exit`, so that the process under test and the folder go too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = command.parse(argv, { from: 'user' }).opts<Options>();
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
  const run = await play(options);
  if (options.json !== undefined) await writeFile(options.json, toJson(run));
  return hasPassed(run) ? 0 : 1;
}

async function play({ target, fast = false, sequence = false, only, seed }: Options): Promise<Run> {
  const scale = target === 'fleet' ? forFleet(scaleOf(fast, sequence)) : scaleOf(fast, sequence);
  const { calls, qps, connections, degradedTimeWindow } = scale;
  process.stdout.write(
    `${sequence ? 'One after the other on one host' : 'All at once, one host each'}: ${connections} connections, ${calls} calls at ${qps}/s, ` +
      `degraded window ${degradedTimeWindow}; seed ${seed}\n`,
  );
  const run = await runScenarios({ target, scale, sequence, seed, ...(only === undefined ? {} : { only }) });
  const found = misses(run);
  process.stdout.write(
    `\n${table(run)}\n\n"+ ≤ N": answers of the upstream beyond those counted: calls in flight at the trip, and what the rate lets in within the ` +
      `${scale.tripWithinMs} ms that a trip may take here. One load's first refusal ends them: after it there is none.\n` +
      `${found === '' ? '' : `\n${found}\n`}\n${hasPassed(run) ? 'passed' : 'FAILED'} in ${(run.tookMs / 1000).toFixed(1)} s (seed ${seed})\n`,
  );
  return run;
}

function scaleOf(fast: boolean, sequence: boolean): Scale {
  if (!fast) return REAL;
  return sequence ? FAST_SEQUENCE : FAST_PARALLEL;
}

function parseIds(text: string): string[] {
  const ids = text.split(',');
  const known = SCENARIOS.map(({ id }) => id);
  const unknown = ids.find((id) => !known.includes(id));
  if (unknown !== undefined) throw new InvalidArgumentError(`found "${unknown}", allowed: ${known.join(', ')}`);
  return ids;
}

function parseSeed(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('allowed: a whole number of at most 9 digits');
  return Number(text);
}

/**
 * `npm run faults [-- ROW…] [--short] [--at-once N]`: the fault matrix on real processes. Prints what was promised and
 * seen, and writes it into docs/faults.md unless `--short`. Ends with 1 where a promise was broken, 2 for a command line
 * that can't be read.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { projectRoot } from '../support/project-root.ts';
import { startServices } from '../support/services/start-services.ts';
import { ROWS } from './all-rows.ts';
import { isBroken, lineOf, pageWith, type Result } from './report.ts';
import { NotRun, type Row } from './row.ts';
import { Stage } from './stage.ts';

const PAGE = join(projectRoot(), 'docs/faults.md');
const AT_ONCE = '2';
/** Far beyond what a row takes, so only a hang ends here. */
const ROW_WITHIN_MS = 480_000;
/** Of what the processes printed beside the usual, where a row breaks. */
const OUTPUT_CHARACTERS = 6_000;
const FAILURE_CHARACTERS = 2_000;

// By `exit`, so that everything that was started ends too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
process.exit(await main());

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { short: { type: 'boolean', default: false }, 'at-once': { type: 'string', default: AT_ONCE }, verbose: { type: 'boolean', default: false } },
  });
  const unknown = positionals.filter((id) => !ROWS.some((row) => row.id === id));
  if (unknown.length > 0) {
    console.error(`no such row: ${unknown.join(', ')}. There are:\n${ROWS.map(({ id, fault }) => `  ${id}: ${fault}`).join('\n')}`);
    return 2;
  }
  const rows = ROWS.filter(({ id, isShort = false }) => (positionals.length > 0 ? positionals.includes(id) : !values.short || isShort));
  const beganMs = performance.now();
  const results = await runAll(rows, { isShort: values.short, atOnce: Number(values['at-once']), isVerbose: values.verbose });
  const broken = results.filter((result) => isBroken(result));
  console.log(`\n${results.length} rows, ${broken.length} broken, ${((performance.now() - beganMs) / 1_000).toFixed(0)} s`);
  for (const { row } of broken) console.log(`broken: ${row.id}`);
  return broken.length === 0 ? 0 : 1;
}

interface How {
  readonly isShort: boolean;
  readonly atOnce: number;
  readonly isVerbose: boolean;
}

async function runAll(rows: readonly Row[], how: How): Promise<Result[]> {
  const services = await startServices({ say: console.log });
  console.log(services.how);
  try {
    const waiting = [...rows];
    const results: Result[] = [];
    const work = async (): Promise<void> => {
      for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
        const result = await runRow(row, services.kafkaBrokers, how);
        console.log(lineOf(result));
        results.push(result);
        if (!how.isShort) writeFileSync(PAGE, pageWith(readFileSync(PAGE, 'utf8'), [result], ROWS.map(({ id }) => id)));
      }
    };
    await Promise.all(Array.from({ length: how.atOnce }, work));
    return results;
  } finally {
    await services.stop();
  }
}

async function runRow(row: Row, kafkaBrokers: string, { isShort, isVerbose }: How): Promise<Result> {
  const beganMs = performance.now();
  const seconds = (): number => (performance.now() - beganMs) / 1_000;
  const stage = new Stage(kafkaBrokers, isShort);
  try {
    const late = sleep(ROW_WITHIN_MS, undefined, { ref: false }).then(() => Promise.reject(new Error(`not over after ${ROW_WITHIN_MS} ms`)));
    const seen = await Promise.race([row.run(stage), late]);
    if (isVerbose) console.log(stage.output);
    return { row, seen, seconds: seconds() };
  } catch (error) {
    if (error instanceof NotRun) return { row, notRun: error.message, seconds: seconds() };
    const notable = stage.output.split('\n').filter((line) => !line.includes('"level":"info"')).join('\n');
    console.error(`${row.id}: the processes printed:\n${isVerbose ? stage.output : notable.slice(-OUTPUT_CHARACTERS)}`);
    return { row, failure: String((error as Error).stack ?? error).slice(0, FAILURE_CHARACTERS), seconds: seconds() };
  } finally {
    await stage.close();
  }
}

/** `fuseboard simulate`: what would these policies have done with these calls? No server is asked. */
import { Failure } from '../failure.ts';
import { shownAs, type Output } from '../output.ts';
import { failures, type Condition } from '../simulate/fail-if.ts';
import { takeFiles } from '../simulate/from-files.ts';
import { parseGenerated, takeGenerated } from '../simulate/from-generator.ts';
import { takeLog } from '../simulate/from-log.ts';
import { readPolicyFiles, type PolicyFile } from '../simulate/policy-files.ts';
import { reportText } from '../simulate/report.ts';
import { shownResults } from '../simulate/results.ts';
import { Simulation } from '../simulate/simulation.ts';
import type { Taken } from '../simulate/taken.ts';
import type { StoreOptions } from '../stores.ts';

export interface SimulateCommand extends StoreOptions {
  readonly policies: readonly string[];
  /** Files; with `fromMs` one upstream of the log. */
  readonly inputs: readonly string[];
  readonly format: string;
  readonly upstream?: string;
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly generate?: string;
  readonly seed: number;
  /** A line that can't be read ends it. */
  readonly strict: boolean;
  readonly failIf: readonly Condition[];
  readonly output: Output;
}

/** Beside 0 to 2: a condition of `--fail-if` holds. */
const FAILED = 3;

/** Gives the exit code. @throws {Failure | StartError} */
export async function simulate(command: SimulateCommand): Promise<number> {
  const { policies, failIf, output } = command;
  refuseMixed(command);
  const { simulation, placeOf, notes } = await taken(await readPolicyFiles(policies, warn), command);
  const results = simulation.end();
  for (const note of [...notes, ...notesOf(simulation)]) warn(note);
  if (simulation.seen.calls === 0 && (failIf.length > 0 || command.strict)) throw new Failure('nothing was judged, so nothing can be said');
  process.stdout.write(shownAs(output, shownResults(results, placeOf), () => reportText(results, { simulation, placeOf, columns: columnsOf(process.stdout) })));
  const failed = failures(results, failIf);
  for (const line of failed) warn(line);
  return failed.length > 0 ? FAILED : 0;
}

function refuseMixed({ inputs, fromMs, toMs, generate }: SimulateCommand): void {
  if (generate !== undefined && (inputs.length > 0 || fromMs !== undefined)) throw new Failure('--generate makes the calls; allowed: no FILE and no --from beside it', 2);
  if (fromMs !== undefined && inputs.length !== 1) throw new Failure(`--from reads the log; allowed: one UPSTREAM beside it, found ${inputs.length}`, 2);
  if (fromMs === undefined && toMs !== undefined) throw new Failure('--to is the end of a span of the log; allowed: with --from', 2);
  if (generate === undefined && inputs.length === 0) throw new Failure('there are no calls to simulate with; allowed: FILE…, - for standard input, --from TIME UPSTREAM, or --generate WORDS', 2);
}

async function taken(files: readonly PolicyFile[], command: SimulateCommand): Promise<Taken & { readonly simulation: Simulation }> {
  const { inputs, fromMs, toMs = Date.now(), generate, env, dataDir, upstream } = command;
  const named = { ...(upstream !== undefined && { upstream: upstream.toLowerCase() }) };
  if (fromMs !== undefined) return await takeLog(files, { env, ...(dataDir !== undefined && { dataDir }), of: inputs[0] as string, fromMs, toMs, ...named });
  const simulation = new Simulation(files);
  if (generate === undefined) return { simulation, ...(await takeFiles(simulation, { ...command, files: inputs, ...named })) };
  const [only, second] = simulation.upstreams;
  if (upstream === undefined && second !== undefined) throw new Failure('--generate: the policies name several upstreams; allowed: --upstream NAME', 2);
  return { simulation, ...takeGenerated(simulation, { made: parseGenerated(generate), upstream: named.upstream ?? (only as string), seed: command.seed }) };
}

/** What a person should know of the calls. */
function notesOf({ seen, upstreams }: Simulation): string[] {
  const { strangers, strangerNames, repeats, backwards, setBacks } = seen;
  const notes: string[] = [];
  const them = strangers > strangerNames.length ? 'such as ' : '';
  if (strangers > 0) notes.push(`${strangers} calls are of upstreams that no policy names (${them}${strangerNames.join(', ')}); the policies name ${upstreams.slice(0, 5).join(', ')}; --upstream NAME makes all calls one of it`);
  if (repeats > 0) notes.push(`${repeats} records repeat the reporter and id of another and are left out (K4)`);
  if (backwards > 0) notes.push(`${backwards} calls are out of order: up to 5 s they are taken at the clock${setBacks > 0 ? `; ${setBacks} of them, further back, set the clock back` : ''} (T1)`);
  return notes;
}

/** A pipe has any number, and so has a terminal that doesn't know. */
function columnsOf({ isTTY, columns }: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>): number {
  return isTTY && columns > 0 ? columns : Infinity;
}

function warn(line: string): void {
  process.stderr.write(`${line}\n`);
}

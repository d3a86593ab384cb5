/** The scenarios through the real process: all at once with one host each, or one after the other on one host. */
import { rmSync } from 'node:fs';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address } from '../support/program.ts';
import type { ServiceAddresses } from '../support/services/services.ts';
import { SCENARIOS, policyDocument, policyInWords, upstreamDocument, type Place, type Scenario } from './catalogue.ts';
import { check } from './checks.ts';
import { runLimits, runQuiet } from './other-runs.ts';
import { applyPolicy, deletePolicy, limitsAreLifted, type Changes } from './policy-changes.ts';
import type { Scale } from './scale.ts';
import type { Row, Stage } from './stage.ts';
import { startTarget, type Target, type TargetName } from './target.ts';
import { runTrip } from './trip-run.ts';
import { WatchedUpstream } from './upstream.ts';

export interface RunOptions {
  readonly target: TargetName;
  /** Of the fleet; undefined: they are started. */
  readonly services?: ServiceAddresses;
  readonly scale: Scale;
  /** One after the other on one host. */
  readonly sequence: boolean;
  readonly seed: number;
  /** Ids; undefined: all. */
  readonly only?: readonly string[];
}

export interface Run {
  readonly rows: readonly Row[];
  /** Of the process, after SIGTERM; of several the worst. */
  readonly exitCode: number | null;
  readonly tookMs: number;
  /** Everything that the processes said. */
  readonly output: string;
}

/** Where the sequence happens, as in osm-edge's test. */
const SEQUENCE_PLACE: Place = { namespace: 'circuit-breaking', host: 'fortio.circuit-breaking.svc.cluster.local' };

export async function runScenarios(options: RunOptions): Promise<Run> {
  const startMs = performance.now();
  const folder = await mkdtemp(join(tmpdir(), 'fuseboard-scenarios-'));
  const removeAtExit = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeAtExit);
  const upstreams: WatchedUpstream[] = [];
  let target: Target | undefined;
  try {
    const playing = await prepare(options, { folder, upstreams });
    target = await startTarget(options.target, { configDir: playing.configDir, folder, services: options.services });
    const rows = await (options.sequence ? playInSequence : playAtOnce)(playing, target);
    const exitCode = await target.stop();
    return { rows, exitCode, tookMs: performance.now() - startMs, output: target.output() };
  } finally {
    await target?.end();
    await Promise.all(upstreams.map((each) => each.close()));
    await rm(folder, { recursive: true, force: true });
    process.off('exit', removeAtExit);
  }
}

interface Playing {
  readonly options: RunOptions;
  readonly scenarios: readonly Scenario[];
  readonly configDir: string;
  /** One for each scenario, or one for all in a sequence. */
  readonly upstreams: readonly WatchedUpstream[];
}

/** The documents that are there when the process starts: all, or in a sequence the upstream alone. */
async function prepare(options: RunOptions, { folder, upstreams }: { folder: string; upstreams: WatchedUpstream[] }): Promise<Playing> {
  const scenarios = SCENARIOS.filter(({ id }) => options.only?.includes(id) ?? true);
  const configDir = join(folder, 'config');
  await mkdir(configDir);
  for (const place of options.sequence ? [SEQUENCE_PLACE] : scenarios.map(placeOf)) {
    const watched = await WatchedUpstream.start();
    upstreams.push(watched);
    await writeFile(join(configDir, `${place.namespace}-upstream.yaml`), upstreamDocument(place, watched.target));
  }
  for (const scenario of options.sequence ? [] : scenarios) {
    const place = placeOf(scenario);
    await writeFile(join(configDir, `${place.namespace}-policy.yaml`), policyDocument(scenario, place, options.scale));
  }
  return { options, scenarios, configDir, upstreams };
}

async function playAtOnce({ options, scenarios, upstreams }: Playing, target: Target): Promise<Row[]> {
  const rows = scenarios.map((scenario, i) => {
    const { host } = placeOf(scenario);
    return play(scenario, stageOf(options, target, { host, upstream: host, watched: upstreams[i] as WatchedUpstream }));
  });
  return Promise.all(rows);
}

/** Policy applied, loads, policy deleted; then the next one is applied to the same host. */
async function playInSequence({ options, scenarios, configDir, upstreams }: Playing, target: Target): Promise<Row[]> {
  const { host } = SEQUENCE_PLACE;
  const stage = stageOf(options, target, { host: `${host}:8080`, upstream: host, watched: upstreams[0] as WatchedUpstream });
  const file = join(configDir, 'policy.yaml');
  const rows: Row[] = [];
  for (const scenario of scenarios) {
    const text = policyDocument(scenario, SEQUENCE_PLACE, options.scale);
    rows.push(await play(scenario, stage, { stage, file, text, limitsOnly: scenario.kind === 'limits' }));
  }
  return rows;
}

/** A scenario that stops half-way is a miss like any other, and doesn't stop the rest. */
async function play(scenario: Scenario, stage: Stage, changes?: Changes): Promise<Row> {
  try {
    const applied = changes === undefined ? [] : await applyPolicy(changes);
    const row = await runOne(scenario, stage);
    const deleted = changes === undefined ? [] : await deletePolicy(changes);
    if (changes?.limitsOnly === true) await limitsAreLifted(stage);
    return { ...row, checks: [...applied, ...row.checks, ...deleted] };
  } catch (error) {
    const policy = policyInWords(scenario, stage.scale);
    return { id: scenario.id, policy, calls: new Map(), expected: 'an end', checks: [check('played to its end', false, inWords(error))] };
  }
}

function runOne(scenario: Scenario, stage: Stage): Promise<Row> {
  switch (scenario.kind) {
    case 'trip':
      return runTrip(scenario, stage);
    case 'quiet':
      return runQuiet(scenario, stage);
    case 'limits':
      return runLimits(scenario, stage);
  }
}

function placeOf({ id }: Pick<Scenario, 'id'>): Place {
  return { namespace: `s${id}`, host: `s${id}.scenarios.local` };
}

function stageOf({ scale, seed }: RunOptions, { proxies, console, metrics }: Target, own: Pick<Stage, 'host' | 'upstream' | 'watched'>): Stage {
  const [proxy] = proxies as [Address];
  return { scale, seed, proxy, otherProxy: proxies.at(-1) as Address, console, metrics, ...own };
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${inWords(error.cause)}`;
}

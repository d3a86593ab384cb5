/**
 * `BENCH_PROFILE=FOLDER`: our processes under measurement write a CPU profile there when they end, and where each spent
 * its time is printed.
 */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Profiler } from 'node:inspector';

const FOLDER = process.env['BENCH_PROFILE'] ?? '';
const INTERVAL_US = 200;
const ROWS = 40;

/** What makes a Node process write a profile. */
export function profiled(): { readonly nodeArgs: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  if (FOLDER === '') return { nodeArgs: [], env: {} };
  const nodeArgs = ['--cpu-prof', `--cpu-prof-dir=${FOLDER}`, `--cpu-prof-interval=${INTERVAL_US}`];
  return { nodeArgs, env: { NODE_OPTIONS: nodeArgs.join(' ') } };
}

/** Prints the profiles that were written since; to be called before the processes begin. */
export function openProfiles(): () => void {
  if (FOLDER === '') return () => undefined;
  mkdirSync(FOLDER, { recursive: true });
  const before = new Set(readdirSync(FOLDER));
  return () => {
    for (const file of readdirSync(FOLDER)) if (!before.has(file)) printProfile(join(FOLDER, file));
  };
}

function printProfile(file: string): void {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profiler.Profile;
  const selfUs = new Map<string, number>();
  const nameOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, frameName(callFrame)]));
  let busyUs = 0;
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const name = nameOf.get(id) ?? '';
    const us = profile.timeDeltas?.[index] ?? 0;
    if (name === '(idle)') continue;
    busyUs += us;
    selfUs.set(name, (selfUs.get(name) ?? 0) + us);
  }
  const top = [...selfUs].toSorted(([, a], [, b]) => b - a).slice(0, ROWS);
  console.log(`${file}: ${(busyUs / 1e6).toFixed(1)} s busy; of that in the functions themselves`);
  for (const [name, us] of top) console.log(`${((100 * us) / busyUs).toFixed(1).padStart(6)} %  ${name}`);
}

function frameName({ functionName, url, lineNumber }: Profiler.Profile['nodes'][number]['callFrame']): string {
  if (url === '') return functionName;
  const path = url.startsWith('file:') ? relative(process.cwd(), fileURLToPath(url)) : url;
  return `${functionName || '(anonymous)'}  ${path.startsWith('..') ? basename(path) : path}:${lineNumber + 1}`;
}

/**
 * `npm run bench [-- NAME…]`: runs the benchmarks named, or all. Each prints ratios against peers measured in the same
 * run (absolute times are no evidence on a shared machine), and its figures go to bench/results/NAME.json.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const BENCHMARKS: Readonly<Record<string, () => Promise<{ run: () => Promise<unknown> }>>> = {
  fold: () => import('./fold.ts'),
  decide: () => import('./decide.ts'),
  codec: () => import('./codec.ts'),
  proxy: () => import('./proxy.ts'),
  trip: () => import('./trip.ts'),
  'trip-cluster': () => import('./trip-cluster.ts'),
  overshoot: () => import('./overshoot.ts'),
  failover: () => import('./failover.ts'),
  ingest: () => import('./ingest.ts'),
  'ingest-two': () => import('./ingest-two.ts'),
  'fold-size': () => import('./fold-size.ts'),
  report: () => import('./report.ts'),
  simulate: () => import('./simulate.ts'),
  watchers: () => import('./watchers.ts'),
  list: () => import('./list.ts'),
  known: () => import('./known.ts'),
  verify: () => import('./verify.ts'),
  page: () => import('./page.ts'),
};

/** Parts of a benchmark, and what takes an hour: run only by name. */
const PARTS: typeof BENCHMARKS = {
  'proxy-works': () => import('./proxy-works.ts'),
  'proxy-latency': () => import('./proxy-latency.ts'),
  'proxy-memory': () => import('./proxy-memory.ts'),
  'proxy-workers': () => import('./proxy-workers.ts'),
  'proxy-traces': () => import('./proxy-traces.ts'),
  soak: () => import('./soak.ts'),
};
const ALL = { ...BENCHMARKS, ...PARTS };

const { values, positionals: names } = parseArgs({ options: { minutes: { type: 'string' } }, allowPositionals: true });
// Of `soak`.
if (values.minutes !== undefined) process.env['BENCH_MINUTES'] = values.minutes;
const unknown = names.filter((name) => !(name in ALL));
if (unknown.length > 0) {
  process.stderr.write(`no benchmark is called ${unknown.join(', ')}; allowed: ${Object.keys(ALL).join(', ')}\n`);
  process.exit(2);
}

const folder = join(process.cwd(), 'bench/results');
mkdirSync(folder, { recursive: true });
for (const name of names.length > 0 ? names : Object.keys(BENCHMARKS)) {
  console.log(`\n${name}`);
  const result = await (await ALL[name]?.())?.run();
  const file = join(folder, `${name}.json`);
  const machine = { node: process.version, arch: process.arch, cores: availableParallelism() };
  writeFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), machine, result }, null, 2)}\n`);
}

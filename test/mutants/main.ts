/**
 * `npm run mutants [-- TEXT…]`: applies each small wrong version (or those in whose rule or name a TEXT stands) to a copy
 * of the sources, runs the test or the simulator that must find it, and prints a table. Tests and simulated lives must be
 * green without it. Ends with 1 where a mutant survives, no longer applies, or can't even be loaded, and, where all were
 * asked for, if a rule has none.
 */
import { AUDIT_MUTANTS } from './audit-mutants.ts';
import { COMMIT_MUTANTS } from './commit-mutants.ts';
import { SourceCopy } from './copy.ts';
import { FOLD_MUTANTS } from './fold-mutants.ts';
import { LIVES, SIMULATOR, type Finder, type Mutant } from './mutant.ts';
import { PROXY_MUTANTS } from './proxy-mutants.ts';

/** docs/model.md. */
const RULES = { L: 4, T: 5, G: 3, C: 4, K: 5, V: 7, O: 3, F: 1 };
/** As many cores as a small machine has. */
const AT_ONCE = 2;

interface Row {
  readonly mutant: Mutant;
  readonly verdict: string;
  readonly seconds: number;
}

const wanted = process.argv.slice(2).map((text) => text.toLowerCase());
const mutants = [...FOLD_MUTANTS, ...COMMIT_MUTANTS, ...PROXY_MUTANTS, ...AUDIT_MUTANTS].filter(
  ({ rule, name }) => wanted.length === 0 || wanted.some((text) => `${rule} ${name}`.toLowerCase().includes(text)),
);
const startedMs = performance.now();
const copies = Array.from({ length: AT_ONCE }, () => new SourceCopy());
try {
  process.exitCode = isEveryRuleBroken() && (await tryAll()) && (await isGroundFirm()) ? 0 : 1;
} finally {
  for (const copy of copies) copy.remove();
}

function isEveryRuleBroken(): boolean {
  const rules = Object.entries(RULES).flatMap(([letter, count]) => Array.from({ length: count }, (_, n) => `${letter}${n + 1}`));
  const unbroken = wanted.length > 0 ? [] : rules.filter((each) => mutants.every(({ rule }) => rule !== each));
  for (const rule of unbroken) console.error(`${rule}: no mutant breaks it`);
  return unbroken.length === 0;
}

/**
 * Without a mutant each test meant is there and green; else the table would prove nothing. After them, so that none is
 * found by what another left behind either.
 */
async function isGroundFirm(): Promise<boolean> {
  const [first, second] = copies as [SourceCopy, SourceCopy];
  const finders = new Map(mutants.flatMap(({ name, by }) => (by === SIMULATOR ? [] : [[name, by as Finder] as const])));
  const specs = [...new Set([...finders.values()].map(({ spec }) => spec))];
  const isSimulated = mutants.some(({ by }) => by === SIMULATOR);
  const half = Math.ceil(specs.length / 2);
  const lives = isSimulated ? second.simulate(SIMULATOR.flags) : undefined;
  const ran = await Promise.all([first.run(specs.slice(0, half)), second.run(specs.slice(half))]);
  const [tests, lived] = [ran.flat(), await lives];
  const bad = [...finders].filter(([, by]) => {
    const meant = tests.filter(({ spec, name }) => spec === by.spec && name.includes(by.title));
    return meant.length === 0 || meant.some(({ isGreen }) => !isGreen);
  });
  for (const [name, { title, spec }] of bad) console.error(`${name}: without it no green test "${title}" in ${spec}`);
  const areLivesSound = lived === undefined || lived.status === 0;
  if (!areLivesSound) console.error(`the simulator breaks without any: ${lived.stdout}`);
  return mutants.length > 0 && bad.length === 0 && areLivesSound;
}

async function tryAll(): Promise<boolean> {
  const waiting = [...mutants];
  const rows = new Map<Mutant, Row>();
  await Promise.all(
    copies.map(async (copy) => {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) rows.set(mutant, await tryOne(mutant, copy));
    }),
  );
  const found = mutants.filter((mutant) => rows.get(mutant)?.verdict.startsWith('found')).length;
  console.log('| rule | mutant | verdict | by | s |\n|---|---|---|---|---|');
  for (const mutant of mutants) console.log(line(rows.get(mutant) as Row));
  const lived = mutants.filter((mutant) => mutant.by === SIMULATOR && rows.get(mutant)?.verdict.startsWith('found')).length;
  console.log(`${found} of ${mutants.length} mutants found, ${lived} of them by the simulator, in ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
  return found === mutants.length;
}

async function tryOne(mutant: Mutant, copy: SourceCopy): Promise<Row> {
  const beganMs = performance.now();
  const verdict = await verdictOn(mutant, copy);
  return { mutant, verdict, seconds: (performance.now() - beganMs) / 1_000 };
}

async function verdictOn(mutant: Mutant, copy: SourceCopy): Promise<string> {
  const before = copy.read(mutant.file);
  const parts = before.split(mutant.find);
  if (parts.length !== 2) return `NO LONGER APPLIES: its text stands ${parts.length - 1} times in ${mutant.file}`;
  copy.write(mutant.file, parts.join(mutant.replace));
  try {
    if ('flags' in mutant.by) return verdictOf(await copy.simulate(mutant.by.flags));
    const tests = await copy.run([mutant.by.spec], mutant.by.title);
    if (tests.length === 0) return 'CAN’T BE LOADED';
    return tests.some(({ isGreen }) => !isGreen) ? 'found' : 'SURVIVES';
  } finally {
    copy.write(mutant.file, before);
  }
}

function verdictOf({ status, stdout }: { status: number | null; stdout: string }): string {
  if (status === 0) return 'SURVIVES';
  const [, seed, invariant] = /^seed (\d+), .*?: (.+?): /m.exec(stdout) ?? [];
  return seed === undefined ? 'CAN’T BE LIVED' : `found (${invariant}, seed ${seed})`;
}

function line({ mutant: { rule, name, by }, verdict, seconds }: Row): string {
  const finder = 'flags' in by ? 'simulator' : by === LIVES ? `lives of owners: ${by.spec}` : `test: ${by.spec}: ${by.title}`;
  return `| ${rule} | ${name} | ${verdict} | ${finder} | ${seconds.toFixed(1)} |`;
}

/**
 * `npm run mutants [-- TEXT…]`: applies each small wrong version (or those in whose rule or name a TEXT stands) to a copy
 * of the sources, runs the test that must find it, and prints a table. The tests meant must be green without it. Ends
 * with 1 where a mutant survives, no longer applies, or can't even be loaded.
 */
import { COMMIT_MUTANTS } from './commit-mutants.ts';
import { SourceCopy } from './copy.ts';
import { FOLD_MUTANTS } from './fold-mutants.ts';
import { LIVES, type Mutant } from './mutant.ts';
import { PROXY_MUTANTS } from './proxy-mutants.ts';

/** As many cores as a small machine has. */
const AT_ONCE = 2;

interface Row {
  readonly mutant: Mutant;
  readonly verdict: string;
  readonly seconds: number;
}

const wanted = process.argv.slice(2).map((text) => text.toLowerCase());
const mutants = [...FOLD_MUTANTS, ...COMMIT_MUTANTS, ...PROXY_MUTANTS].filter(
  ({ rule, name }) => wanted.length === 0 || wanted.some((text) => `${rule} ${name}`.toLowerCase().includes(text)),
);
const startedMs = performance.now();
const copies = Array.from({ length: AT_ONCE }, () => new SourceCopy());
try {
  process.exitCode = (await isGroundFirm()) && (await tryAll()) ? 0 : 1;
} finally {
  for (const copy of copies) copy.remove();
}

/** Without a mutant each test meant is there and green; else the table would prove nothing. */
async function isGroundFirm(): Promise<boolean> {
  const tests = await (copies[0] as SourceCopy).run([...new Set(mutants.map(({ by }) => by.spec))]);
  const bad = mutants.filter(({ by }) => {
    const meant = tests.filter(({ spec, name }) => spec === by.spec && name.includes(by.title));
    return meant.length === 0 || meant.some(({ isGreen }) => !isGreen);
  });
  for (const { name, by } of bad) console.error(`${name}: without it no green test "${by.title}" in ${by.spec}`);
  return mutants.length > 0 && bad.length === 0;
}

async function tryAll(): Promise<boolean> {
  const waiting = [...mutants];
  const rows = new Map<Mutant, Row>();
  await Promise.all(
    copies.map(async (copy) => {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) rows.set(mutant, await tryOne(mutant, copy));
    }),
  );
  const found = mutants.filter((mutant) => rows.get(mutant)?.verdict === 'found').length;
  console.log('| rule | mutant | verdict | by | s |\n|---|---|---|---|---|');
  for (const mutant of mutants) console.log(line(rows.get(mutant) as Row));
  console.log(`${found} of ${mutants.length} mutants found, in ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
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
    const tests = await copy.run([mutant.by.spec], mutant.by.title);
    if (tests.length === 0) return 'CAN’T BE LOADED';
    return tests.some(({ isGreen }) => !isGreen) ? 'found' : 'SURVIVES';
  } finally {
    copy.write(mutant.file, before);
  }
}

function line({ mutant: { rule, name, by }, verdict, seconds }: Row): string {
  const finder = by === LIVES ? `simulator: ${by.spec}` : `test: ${by.spec}: ${by.title}`;
  return `| ${rule} | ${name} | ${verdict} | ${finder} | ${seconds.toFixed(1)} |`;
}

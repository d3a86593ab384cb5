/**
 * Runs every test once and ends with one line that says how it went: `N passed, N failed`. A suite that could not even
 * be loaded counts as one failed test; a skipped test fails the run where CI=true, and is named elsewhere, with the
 * reason. Specs that need a Docker engine are left out where none answers, in CI too; those that need a browser or
 * Prometheus where there is none, but not in CI.
 */
import { globSync } from 'node:fs';
import { createVitest } from 'vitest/node';
import { leftOutKinds } from '../test/support/programs.ts';

const filters = process.argv.slice(2);
const vitest = await createVitest('test', { run: true, watch: false, passWithNoTests: false });
await vitest.start(filters);

const counts = { passed: 0, failed: 0 };
/** By the reason. */
const notRun = new Map();
const leaveOut = (name, reason) => notRun.set(reason, [...(notRun.get(reason) ?? []), name]);
let skipped = 0;
for (const module of vitest.state.getTestModules()) {
  const tests = [...module.children.allTests()];
  for (const test of tests) {
    const { state, note } = test.result();
    if (state === 'passed') counts.passed++;
    else if (state === 'failed') counts.failed++;
    else {
      skipped++;
      leaveOut(`${module.relativeModuleId}: ${test.fullName}`, note ?? 'skipped');
    }
  }
  if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed')) counts.failed++;
}
counts.failed += vitest.state.getUnhandledErrors().length > 0 ? 1 : 0;
await vitest.close();

for (const [kind, missing] of leftOutKinds()) {
  const specs = globSync(`{apps,libs,bench,scripts,test}/**/*.${kind}.spec.ts`);
  for (const path of specs.filter((each) => filters.length === 0 || filters.some((filter) => each.includes(filter)))) leaveOut(path, missing);
}
for (const [reason, names] of notRun) console.log(`not run: ${names.join(', ')} (${reason})`);
if (process.env['CI'] === 'true') counts.failed += skipped;
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
console.log(`${counts.passed} passed, ${counts.failed} failed`);

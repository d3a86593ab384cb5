/**
 * Runs every test once and ends with one line that says how it went: `N passed, N failed`. A suite that could not even
 * be loaded counts as one failed test; a skipped test fails the run where CI=true, and is named elsewhere.
 */
import { createVitest } from 'vitest/node';

const filters = process.argv.slice(2);
const vitest = await createVitest('test', { run: true, watch: false, passWithNoTests: false });
await vitest.start(filters);

const counts = { passed: 0, failed: 0 };
const skipped = [];
for (const module of vitest.state.getTestModules()) {
  const tests = [...module.children.allTests()];
  for (const test of tests) {
    const { state } = test.result();
    if (state === 'passed') counts.passed++;
    else if (state === 'failed') counts.failed++;
    else skipped.push(`${module.relativeModuleId}: ${test.fullName}`);
  }
  if (module.state() === 'failed' && !tests.some((test) => test.result().state === 'failed')) counts.failed++;
}
counts.failed += vitest.state.getUnhandledErrors().length > 0 ? 1 : 0;
await vitest.close();

for (const name of skipped) console.log(`not run: ${name}`);
if (process.env['CI'] === 'true') counts.failed += skipped.length;
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
console.log(`${counts.passed} passed, ${counts.failed} failed`);

/**
 * `npm run sim -- [--seed N] [--seeds K] [--steps M] [--trace]`: K lives of a simulated fleet from seed N on, about M
 * steps each. Ends with 1 if an invariant was broken, having said which, in which life, and with what else that happened.
 */
import { parseArgs } from 'node:util';
import { INVARIANTS } from './invariants.ts';
import { live, type Life } from './life.ts';

const { values } = parseArgs({
  options: {
    /** Of the first life; drawn if absent. */
    seed: { type: 'string' },
    seeds: { type: 'string', default: '1' },
    steps: { type: 'string', default: '5000' },
    /** Each step is printed. */
    trace: { type: 'boolean', default: false },
  },
});

const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber('seed', values.seed);
const [lives, steps] = [wholeNumber('seeds', values.seeds), wholeNumber('steps', values.steps)];
console.log(`seeds ${first} to ${first + lives - 1}, about ${steps} steps each`);
const beganMs = performance.now();
const reached = new Map<string, number>();
let [total, broken] = [0, 0];
for (let seed = first; seed < first + lives; seed++) {
  const life = await live({ seed, steps, ...(values.trace ? { print: (line: string) => void process.stdout.write(line) } : {}) });
  total += life.steps;
  for (const [what, times] of Object.entries(life.reached)) reached.set(what, (reached.get(what) ?? 0) + times);
  if (life.broken === undefined) continue;
  broken++;
  tell(life, life.broken);
}
console.log([...reached].map(([what, times]) => `${what}: ${times}`).join(', '));
console.log(`${lives} lives, ${total} steps, ${((performance.now() - beganMs) / 1_000).toFixed(1)} s, ${broken} broken`);
process.exitCode = broken === 0 ? 0 : 1;

function tell({ seed, story, elapsedMs, traceHash }: Life, { invariant, how, atStep }: NonNullable<Life['broken']>): void {
  console.log(`\nseed ${seed}, step ${atStep}, after ${elapsedMs} simulated ms, trace ${traceHash}: ${invariant}: ${INVARIANTS[invariant]}`);
  console.log(`  found: ${how}`);
  const last = [...story].slice(-5).map(([n, what]) => `${n}: ${what}`);
  console.log(`  what befell the fleet last: ${last.join('; ')}`);
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) throw new Error(`--${name}: found ${text}, allowed: a whole number from 0 on`);
  return number;
}

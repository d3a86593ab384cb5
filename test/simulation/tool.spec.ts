/** `npm run sim` as it is used: what it says of lives that break something, and how they are lived again. */
import { once } from 'node:events';
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { SourceCopy } from '../mutants/copy.ts';
import { eventually } from '../support/eventually.ts';
import { live } from './life.ts';
import { Tally } from './report.ts';
import { shrink } from './shrink.ts';

const MAIN = join(import.meta.dirname, 'main.ts');

interface Ran {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  stdout: string;
  stderr: string;
}

function begin(...flags: readonly string[]): Ran {
  const child = spawn(process.execPath, ['--conditions=source', MAIN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ran = { child, stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (ran.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => void (ran.stderr += text));
  onTestFinished(() => void child.kill('SIGKILL'));
  return ran;
}

async function run(...flags: readonly string[]): Promise<Ran> {
  const ran = begin(...flags);
  await once(ran.child, 'close');
  return ran;
}

/** A pump that forgets to write all again, in a copy of the sources. */
function brokenCopy(): SourceCopy {
  const copy = new SourceCopy();
  onTestFinished(() => copy.remove());
  const owner = 'libs/engine/src/owner.ts';
  const [before, after, ...more] = copy.read(owner).split('        this.#rewrite = true;\n');
  if (after === undefined || more.length > 0) throw new Error(`assertion: ${owner} reads otherwise`);
  copy.write(owner, before + after);
  return copy;
}

test('says the same for any number of threads, in the order of seeds', { timeout: 120_000 }, async () => {
  const [one, three] = await Promise.all(['1', '3'].map((workers) => run('--seed', '80', '--seeds', '12', '--steps', '1500', '--workers', workers)));
  expect(one?.stdout).toMatch(/^seeds 80 to 91, about 1500 steps each\n.*12 lives, \d+ steps, 0 broken\n$/s);
  expect(three?.stdout).toBe(one?.stdout);
});

test('a life that breaks an invariant is told with a much shorter schedule that breaks the same, and that can be lived again', { timeout: 300_000 }, async () => {
  const copy = brokenCopy();
  const { status, stdout } = await copy.simulate(['--seed', '80', '--seeds', '60', '--steps', '2000', '--bail', '--shrink', '150']);
  expect(status).toBe(1);
  const invariant = /^seed \d+, step \d+, after \d+ simulated ms, trace [\da-f]{16}: (.+?): /m.exec(stdout)?.[1];
  const sizes = /(\d+) of (\d+) happenings, (\d+) of (\d+) steps/.exec(stdout)?.slice(1).map(Number) ?? [];
  const [left = Infinity, whole = 0, stepsLeft = Infinity, steps = 0] = sizes;
  expect(left).toBeLessThan(whole / 2);
  expect(stepsLeft).toBeLessThanOrEqual(steps);
  const flags = /to live it again: npm run sim -- (.+) \[--trace\]/.exec(stdout)?.[1]?.split(' ') ?? [];
  const again = await copy.simulate([...flags, '--shrink', '0']);
  expect(again.status).toBe(1);
  expect(again.stdout).toContain(`: ${invariant}: `);
});

test('looks for a shorter schedule in no more lives than it may', async () => {
  await expect(shrink({ seed: 80, steps: 500 }, 10)).rejects.toThrow('seed 80 breaks no invariant');
});

test('a life that is known to break an invariant is told and does not count, as long as it does', async () => {
  const options = { seed: 80, steps: 500 };
  const sound = await live(options);
  const broken = { ...sound, broken: { invariant: 'I6 converged', how: 'not at all', atStep: 1 } } as const;
  const tally = new Tally([{ ...options, invariant: 'I6 converged', why: 'for a reason' }]);
  expect(tally.judge({ options, life: broken })).toMatch(/I6 converged: .*known: for a reason$/s);
  expect(tally).toMatchObject({ known: 1, broken: 0 });
  expect(tally.judge({ options, life: sound })).toBe('seed 80 breaks nothing any more, and stands in test/simulation/known.ts');
  expect(tally.judge({ options, life: { ...broken, broken: { ...broken.broken, invariant: 'no defect' } } })).not.toContain('known');
  expect(tally.judge({ options: { ...options, only: new Set([1]) }, life: broken })).not.toContain('known');
  expect(tally).toMatchObject({ lives: 4, known: 1, broken: 3 });
});

test('without any happening nothing befalls the fleet', async () => {
  const life = await live({ seed: 80, steps: 500, only: new Set() });
  expect([...life.story]).toEqual([]);
});

test('--forever says where it begins and how far it is, and ends well by Ctrl-C', { timeout: 120_000 }, async () => {
  const ran = begin('--forever', '--seed', '80', '--steps', '300', '--workers', '2');
  await eventually(() => /^\d+ seeds, \d+ steps, \d+ steps\/s on 2 threads$/m.test(ran.stderr) || undefined, { what: 'a line of progress' });
  ran.child.kill('SIGINT');
  const [status] = (await once(ran.child, 'close')) as [number | null];
  expect(ran.stdout).toMatch(/^seeds from 80 on, about 300 steps each\n/);
  expect(ran.stdout).toMatch(/\d+ lives, \d+ steps, 0 broken\n$/);
  expect(status).toBe(0);
});

test.each([
  [['--seeds', '1.5'], '--seeds: found 1.5, allowed: a whole number from 0 on'],
  [['--workers', '0'], '--workers: found 0, allowed: a whole number from 1 on'],
  [['--only', '3,x'], '--only: found x, allowed: a whole number from 0 on'],
  [['--without', 'luck'], '--without: found luck, allowed: lost,late,replyLost,twice,unheard,partial,gap'],
])('%j is refused, with what is allowed', async (flags, message) => {
  const { child, stderr } = await run(...flags);
  expect(stderr).toContain(message);
  expect(child.exitCode).not.toBe(0);
});

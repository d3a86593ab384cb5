import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';

const FIXTURE = join(import.meta.dirname, 'fixtures/stopping.ts');
const children: ChildProcessByStdio<null, Readable, null>[] = [];
afterEach(() => children.splice(0).forEach((child) => child.kill('SIGKILL')));

/** A process of ours, up. */
async function start(how: string) {
  const child = spawn(process.execPath, ['--conditions=source', FIXTURE, how], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => void (output += chunk));
  const exited = once(child, 'close');
  await expect.poll(() => output, { timeout: 10_000 }).toContain('"up"');
  return { child, exited, output: () => output };
}

describe('a process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('drains and ends with 0 after %s', async (signal) => {
    const { child, exited, output } = await start('slow');
    child.kill(signal);
    expect(await exited).toEqual([0, null]);
    expect(output()).toMatch(/stopping: SIG(TERM|INT)[\s\S]*first is down[\s\S]*"stopped"/);
  });

  it('ends with 1 after the deadline where something hangs, and names it', async () => {
    const { child, exited, output } = await start('hang');
    child.kill('SIGTERM');
    expect(await exited).toEqual([1, null]);
    expect(output()).toContain('second did not stop within 300 ms: ending without it');
  });

  it('takes the same key press arriving twice for one', async () => {
    const { child, exited } = await start('slow');
    child.kill('SIGINT');
    child.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
  });

  it('logs an error that nobody caught, and ends with 1', async () => {
    const { exited, output } = await start('throw');
    expect(await exited).toEqual([1, null]);
    expect(output()).toMatch(/"level":"fatal".*nobody caught this.*unhandled rejection: ending/);
  });
});

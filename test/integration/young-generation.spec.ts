/** A proxy begins with a small young generation, however it is started, and whoever gives it another has that one. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { projectRoot } from '../support/project-root.ts';

const NOWHERE = '127.0.0.1:1';
const ANY_PORT = '127.0.0.1:0';
const SMALL = '--max-semi-space-size=4';

/** Of the process that serves. */
async function argumentsOf(flags: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const settings = { FUSEBOARD_KAFKA_BROKERS: NOWHERE, FUSEBOARD_REDIS_URL: `redis://${NOWHERE}`, FUSEBOARD_ADMIN_LISTEN: ANY_PORT, FUSEBOARD_PROXY_LISTEN: ANY_PORT };
  const proxy = spawn(process.execPath, [...flags, 'scripts/run.mjs', 'proxy'], { cwd: projectRoot(), env: { ...process.env, NODE_OPTIONS: '', ...settings, ...env } });
  onTestFinished(async () => {
    const ended = once(proxy, 'exit');
    proxy.kill();
    await ended;
  });
  let said = '';
  for (const stream of [proxy.stdout, proxy.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (said += text));
  await eventually(() => said.includes('proxy: ') || undefined, { what: 'the proxy to listen', deadlineMs: 60_000 });
  return readFileSync(`/proc/${proxy.pid}/cmdline`, 'utf8').split('\0').filter((each) => each.startsWith('--'));
}

test.runIf(process.platform === 'linux')('a proxy has a young generation of 4 MB', { timeout: 120_000 }, async () => {
  expect(await argumentsOf([])).toEqual([SMALL]);
});

test.runIf(process.platform === 'linux')('one that is given to it stays', { timeout: 120_000 }, async () => {
  expect(await argumentsOf([], { NODE_OPTIONS: '--max-semi-space-size=16' })).toEqual([]);
  expect(await argumentsOf(['--max_semi_space_size=8'])).toEqual(['--max_semi_space_size=8']);
});

test('`npm run start:proxy` gives it at once', () => {
  const { scripts } = JSON.parse(readFileSync(`${projectRoot()}/package.json`, 'utf8')) as { scripts: Readonly<Record<string, string>> };
  expect(scripts['start:proxy']).toContain(` ${SMALL} `);
});

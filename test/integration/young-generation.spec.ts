/** A proxy begins with a small young generation, however it is started, and whoever gives it another has that one. */
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { Program } from '../support/program.ts';

const NOWHERE = '127.0.0.1:1';
const ANY_PORT = '127.0.0.1:0';

async function argumentsOf(env: Readonly<Record<string, string>> = {}): Promise<string[]> {
  const proxy = new Program({ name: 'proxy', env: { FUSEBOARD_KAFKA_BROKERS: NOWHERE, FUSEBOARD_REDIS_URL: `redis://${NOWHERE}`, FUSEBOARD_ADMIN_LISTEN: ANY_PORT, FUSEBOARD_PROXY_LISTEN: ANY_PORT, ...env } });
  onTestFinished(async () => void (await proxy.stop()));
  await proxy.until('the proxy to listen', () => proxy.address('proxy'));
  return readFileSync(`/proc/${proxy.pid}/cmdline`, 'utf8').split('\0');
}

test.runIf(process.platform === 'linux')('a proxy has a young generation of 4 MB', async () => {
  expect(await argumentsOf()).toContain('--max-semi-space-size=4');
});

test.runIf(process.platform === 'linux')('one that is given to it stays', async () => {
  expect((await argumentsOf({ NODE_OPTIONS: '--max-semi-space-size=16' })).filter((each) => each.startsWith('--max'))).toEqual([]);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

const FIXTURE = join(import.meta.dirname, 'fixtures/defect.ts');

test('a bug in the fold ends the process with 1 and says where: it is not tried again for ever', async () => {
  const child = spawn(process.execPath, ['--conditions=source', FIXTURE], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => void (output += chunk));
  expect(await once(child, 'close')).toEqual([1, null]);
  expect(output).toMatch(/"level":"fatal".*partition 0: folding from \d+ failed, which is a bug.*a bug in the fold/);
  expect(output).not.toContain('tried again');
});

/**
 * `npm start` as a stranger meets it: what it prints, how it ends, and what it says when it can't start.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startStandalone, type Standalone } from '../support/standalone.ts';

const ROOT = join(import.meta.dirname, '../..');
const FREE = ['--proxy', '127.0.0.1:0', '--console', '127.0.0.1:0', '--grpc', '127.0.0.1:0'];
const DEADLINE_MS = 60_000;

interface Started {
  readonly child: ChildProcess;
  output: string;
  readonly ended: Promise<number | null>;
}

function start(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('FUSEBOARD_'));
  const child = spawn(command, args, { cwd: ROOT, env: { ...Object.fromEntries(inherited), ...env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  onTestFinished(() => endGroup(child));
  const started: Started = { child, output: '', ended: once(child, 'close').then(([code]) => code as number | null) };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (started.output += text));
  return started;
}

/** Whatever it started with it: npm's own end would leave the process behind. */
function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL');
}

const launch = (args: readonly string[], env?: Readonly<Record<string, string>>): Started =>
  start(process.execPath, ['scripts/run.mjs', 'standalone', ...args], env);

/** The address after these words in the log. */
async function addressOf(started: Started, words: string): Promise<string> {
  const found = await eventually(() => new RegExp(`${words}(?:http://)?(127\\.0\\.0\\.1:\\d+)`).exec(started.output)?.[1], { what: words, deadlineMs: DEADLINE_MS });
  return found;
}

describe('npm start', () => {
  test('prints one curl to try, alone on a line, before the console answers; SIGTERM to npm drains calls and ends with 0', { timeout: 120_000 }, async () => {
    const npm = start('npm', ['start', '--', '--data', ':memory:', ...FREE]);
    const consoleAddress = await addressOf(npm, 'console: ');
    const lines = npm.output.split('\n');
    const curl = lines.findIndex((line) => line.startsWith('curl '));
    expect(lines[curl]).toMatch(/^curl -i -H 'Host: demo\.local' 'http:\/\/127\.0\.0\.1:\d+\/echo\?status=511'$/);
    expect(curl).toBeLessThan(lines.findIndex((line) => line.includes('console: ')));
    await eventually(async () => (await fetch(`http://${consoleAddress}/readyz`)).ok || undefined, { what: 'readiness' });

    const [host, port] = (await addressOf(npm, 'proxy: ')).split(':');
    const call = request({ host, port, path: '/echo?delay=1s', headers: { host: 'demo.local' }, agent: false });
    const answered = once(call, 'response') as Promise<[IncomingMessage]>;
    const sent = once(call, 'finish');
    call.end();
    await sent;
    npm.child.kill('SIGTERM');
    const [response] = await answered;
    expect(response.statusCode).toBe(200);
    response.resume();
    expect(await npm.ended).toBe(0);
    expect(npm.output).toContain('stopped');
  });
});

describe('a start that can’t be', () => {
  let held: Standalone;
  let directory: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'fuseboard-start-'));
    held = await startStandalone({ dataDir: join(directory, 'held') });
  }, 120_000);
  afterAll(async () => {
    await held.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function takenPort(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }

  async function refusal(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<{ code: number | null; said: string }> {
    const started = launch(args, env);
    return { code: await started.ended, said: started.output };
  }

  test.each([
    ['--proxy', 'FUSEBOARD_PROXY_LISTEN'],
    ['--console', 'FUSEBOARD_CONSOLE_LISTEN'],
    ['--grpc', 'FUSEBOARD_GRPC_LISTEN'],
  ])('names %s, its variable and the address where the port is in use, and what to do', { timeout: DEADLINE_MS }, async (flag, variable) => {
    const port = await takenPort();
    const { code, said } = await refusal(['--data', ':memory:', ...FREE, flag, `127.0.0.1:${port}`]);
    expect(code).toBe(1);
    expect(said).toContain(`Fuseboard can't start. ${variable} (${flag}): 127.0.0.1:${port} is in use by another process: stop that one, or choose another port`);
  });

  test('names a data directory that another process holds, and that process', { timeout: DEADLINE_MS }, async () => {
    const { code, said } = await refusal(['--data', join(directory, 'held'), ...FREE]);
    expect(code).toBe(1);
    expect(said).toContain(`the data directory ${join(directory, 'held')} is held by another process (pid ${held.pid})`);
  });

  test('names a data directory that can’t be written', { timeout: DEADLINE_MS }, async () => {
    const file = join(directory, 'file');
    writeFileSync(file, '');
    const { code, said } = await refusal(['--data', file, ...FREE]);
    expect(code).toBe(1);
    expect(said).toMatch(new RegExp(`the data directory ${file} can't be written \\(it is a file, and no directory\\).*--data`));
  });

  test.each<[string, string[], Record<string, string>, number, RegExp]>([
    ['a flag that there isn’t', ['--prxy', 'x'], {}, 2, /unknown option '--prxy'/],
    ['a bad address', ['--proxy', 'nowhere'], {}, 1, /--proxy: found "nowhere", allowed: /],
    ['a bad variable', [], { FUSEBOARD_LOG_LEVEL: 'loud' }, 1, /FUSEBOARD_LOG_LEVEL: found "loud", allowed: /],
    ['a configuration directory that isn’t there', ['--config', '/nowhere/at/all'], {}, 1, /--config: found "\/nowhere\/at\/all"/],
    ['Kafka, which one process doesn’t use', [], { FUSEBOARD_KAFKA_BROKERS: '127.0.0.1:9092' }, 1, /FUSEBOARD_KAFKA_BROKERS is set, but `npm start` runs everything in one process/],
    ['a console for everybody without a token', ['--console', '0.0.0.0:0'], {}, 1, /FUSEBOARD_CONSOLE_LISTEN: found "0\.0\.0\.0:0", which others can reach; allowed: .*FUSEBOARD_TOKEN/],
  ])('names %s and what is allowed', { timeout: DEADLINE_MS }, async (...[, args, env, code, message]) => {
    const refused = await refusal(['--data', ':memory:', ...FREE, ...args], env);
    expect(refused.said).toMatch(message);
    expect(refused.code).toBe(code);
  });
});

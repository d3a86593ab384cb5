/** The client library as its users have it: the tarball in projects of their own, against a fleet of real processes. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { formatAddress } from '#runtime';
import { eventually } from '../support/eventually.ts';
import { PackedClient, compile } from '../support/packed-client.ts';
import { projectRoot } from '../support/project-root.ts';
import { services } from '../support/services/services.ts';
import { THRESHOLD, openShop } from './shop.ts';

const EXAMPLE = join(projectRoot(), 'docs/examples/nest-client');
const NEST = ['@nestjs/common', '@nestjs/core', '@nestjs/platform-express', 'reflect-metadata', 'rxjs', '@types/node'];
const UPSTREAM = 'payments.internal';
/** The log's clock, as the client knows it, and this machine's (T2). */
const CLOCKS_DIFFER_MS = 500;

let packed: PackedClient;
beforeAll(() => void (packed = new PackedClient()), 120_000);
afterAll(() => packed.close());

it('is installed without Nest, and then loads none', () => {
  const project = packed.project('plain');
  const ask = `import { Fuseboard } from '@fuseboard/client'; const fuseboard = new Fuseboard({ consoles: '127.0.0.1:1' }); console.log(fuseboard.decide('a.test').kind);
    await import('@fuseboard/client/nest').catch(({ message }) => console.log(message));`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', ask], { cwd: project, encoding: 'utf8' });
  expect(said).toMatch(/^admit\nCannot find package '(?:@nestjs|rxjs|reflect-metadata)/);
  expect(execFileSync(process.execPath, ['-e', "console.log(typeof require('@fuseboard/client').Fuseboard.open)"], { cwd: project, encoding: 'utf8' })).toBe('function\n');
});

it('is typed, and the programs in its manual compile as they stand', () => {
  expect(readdirSync(join(checkout(), 'dist'))).toEqual(expect.arrayContaining(['main.js', 'block-0.js', 'block-1.js', 'block-2.js', 'wrong.js']));
});

it('trips an upstream for a Nest application that calls it by itself, answers for it, and fails open when the console is gone', { timeout: 240_000 }, async () => {
  const project = checkout();
  const { kafkaBrokers, redisUrl } = services();
  const { prefix, stage, policy, watched } = await openShop({ onTestFinished }, { kafkaBrokers, redisUrl });
  await policy({ degraded: '6s', host: UPSTREAM });
  const [ingest, console] = await Promise.all([stage.ingest(), stage.console()]);
  await stage.ready([ingest, console]);
  const app = await startCheckout(project, { CONSOLES: formatAddress(console.grpc), BROKERS: kafkaBrokers, TOPIC_PREFIX: `${prefix}.`, PARTITIONS: '3', PAYMENTS: `http://${watched.target}` });
  await eventually(async () => (await console.client.breaker(UPSTREAM)).policy, { what: 'the policy to be in force' });

  // What its own calls come to opens the breaker for the fleet.
  for (let i = 0; i < THRESHOLD; i++) expect(await app.get('pay?status=503')).toMatchObject({ status: 200, body: 'payments answered 503' });
  const both = async (): Promise<Answer[]> => await Promise.all([app.get('pay'), app.get('rates')]);
  const [refused, rates] = await eventually(async () => found(await both(), ([pay, other]) => pay?.status === 520 && other?.body.includes('yesterday') === true), { what: 'refusals' });
  const opened = await eventually(async () => found(await console.client.breaker(UPSTREAM), ({ state }) => state === 'open'), { what: 'the breaker to be open' });
  expect((await console.client.transitions(UPSTREAM))[0]).toMatchObject({ to: 'open', window: { errors: THRESHOLD }, cause: { kind: 'outcome' } });

  // The policy's own answer; the upstream is left alone, and so is who has a fallback.
  const { length } = watched.arrivals;
  expect(refused).toMatchObject({ body: 'closed for now', state: 'open', retryAfter: expect.stringMatching(/^[1-6]$/) });
  expect(rates?.body).toMatch(/^rates of yesterday, better ones in \d+/);

  // With the console gone what is known stays until the lease ends; then calls pass.
  await console.kill();
  await eventually(async () => found(await app.get('pay'), ({ body }) => body === 'payments answered 200'), { what: 'calls to pass again' });
  expect(Date.now()).toBeGreaterThanOrEqual(Number(opened.openUntilMs) - CLOCKS_DIFFER_MS);
  expect(watched.arrivals).toHaveLength(length + 1);
  // Nest's own way to end.
  expect(await app.stop()).toBe('SIGTERM');
  expect(await stage.stop()).toContain(0);
});

let compiled: string | undefined;

/** The example as a project of its own, the manual's programs beside it, and one whose mistake the types must find. */
function checkout(): string {
  if (compiled !== undefined) return compiled;
  const project = packed.project('checkout', { packages: NEST, from: EXAMPLE });
  const blocks = [...readFileSync(join(projectRoot(), 'docs/client.md'), 'utf8').matchAll(/^```ts\n([^]*?)^```$/gm)];
  for (const [at, [, code = '']] of blocks.entries()) writeFileSync(join(project, `src/block-${at}.ts`), code);
  writeFileSync(join(project, 'src/wrong.ts'), "import { Fuseboard } from '@fuseboard/client';\n// @ts-expect-error: no addresses\nFuseboard.open({ consoles: 1 });\n");
  compile(project);
  return (compiled = project);
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly state: string | null;
  readonly retryAfter: string | null;
}

async function startCheckout(project: string, env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, ['dist/main.js'], { cwd: project, env: { ...process.env, ...env, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close').then(([code, signal]) => (signal ?? code) as string | number);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (output += text));
  const url = await eventually(() => /^checkout: (.*)\/pay$/m.exec(output)?.[1], { what: 'the checkout to listen', deadlineMs: 60_000 });
  return {
    get: async (path: string): Promise<Answer> => {
      const answer = await fetch(`${url}/${path}`);
      return { status: answer.status, body: await answer.text(), state: answer.headers.get('x-fuseboard-state'), retryAfter: answer.headers.get('retry-after') };
    },
    stop: async (): Promise<string | number> => {
      child.kill('SIGTERM');
      return await ended;
    },
  };
}

function found<T>(value: T, is: (value: T) => boolean): T | undefined {
  return is(value) ? value : undefined;
}

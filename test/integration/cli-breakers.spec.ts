import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Metadata, Server, ServerCredentials, status as grpcStatus, type ServerWritableStream, type ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import type { Heartbeat } from '#engine';
import { PROTO_FILES, breakerMessage, protoDir } from '#wire';
import { run, start, type RunningCommand } from '../support/command.ts';
import { projectRoot } from '../support/project-root.ts';
import { ConsoleStage, snapshot, type Changes, type StageOptions } from '../support/console-stage.ts';

const stages: ConsoleStage[] = [];
const running: RunningCommand[] = [];
const consoles: Server[] = [];
const terminals: ChildProcess[] = [];
afterEach(async () => {
  for (const { child } of running.splice(0)) child.kill('SIGKILL');
  for (const each of terminals.splice(0)) each.kill('SIGKILL');
  for (const each of consoles.splice(0)) each.forceShutdown();
  await Promise.all(stages.splice(0).map((each) => each.close()));
});

async function started(changes: Changes, options?: StageOptions): Promise<ConsoleStage> {
  const own = await ConsoleStage.start(options);
  stages.push(own);
  await own.commit(...changes);
  await own.becomesReady();
  return own;
}

function server(own: ConsoleStage): string {
  return `127.0.0.1:${own.console.grpcAddress.port}`;
}

function watching(own: ConsoleStage, ...args: string[]): RunningCommand {
  const command = start(['watch', ...args], { env: { FUSEBOARD_SERVER: server(own) } });
  running.push(command);
  return command;
}

/** A console whose first watch is taken and ends before there is any breaker. @returns its address */
async function emptyThenFilled(): Promise<string> {
  const console = new Server();
  consoles.push(console);
  let watches = 0;
  const WatchBreakers = (call: ServerWritableStream<object, object>): void => {
    call.sendMetadata(new Metadata());
    watches += 1;
    if (watches === 1) call.emit('error', { code: grpcStatus.UNAVAILABLE, details: 'the console is stopping' });
    else call.write(breakerMessage(snapshot(), { partition: 0, nowMs: 0 }));
  };
  const definition = loadSync(PROTO_FILES[0], { keepCase: true, longs: Number, enums: String, oneofs: true, includeDirs: [protoDir()] });
  console.addService(definition['fuseboard.v1.BreakerService'] as ServiceDefinition, { WatchBreakers });
  const port = await promisify(console.bindAsync.bind(console))('127.0.0.1:0', ServerCredentials.createInsecure());
  return `127.0.0.1:${port}`;
}

const opened = (upstream: string, generation = 2): Changes[number] => ({ upstream, generation, state: 'open', admit: 0, sinceMs: Date.now(), untilMs: Date.now() + 60_000 });

describe('fuseboard history', () => {
  it('tells what happened within one millisecond in the order in which it did', async () => {
    const own = await started([{ upstream: 'a.test' }]);
    for (const generation of [2, 3, 4]) await own.transition({ generation });
    const { stdout } = await run(['--server', server(own), 'history', 'a.test', '-o', 'json']);
    expect((JSON.parse(stdout) as { generation: number }[]).map(({ generation }) => generation)).toEqual([2, 3, 4]);
  });
});

describe('fuseboard apply', () => {
  it('says which documents it applied before one was refused, in JSON too', async () => {
    const own = await started([]);
    const policy = (name: string, host: string): string => JSON.stringify({ apiVersion: 'policy.openservicemesh.io/v1alpha1', kind: 'UpstreamTrafficSetting', metadata: { name }, spec: { host } });
    const apply = (...policies: string[]) => run(['--server', server(own), 'apply', '-f', '-', '--no-wait', '-o', 'json'], { input: policies.map((each) => `---\n${each}\n`).join('') });
    expect((await apply(policy('holder', 'b.test'))).status).toBe(0);
    const { status, stdout, stderr } = await apply(policy('one', 'a.test'), policy('two', 'b.test'));
    expect([status, stderr]).toEqual([1, expect.stringContaining('it belongs to UpstreamTrafficSetting/default/holder')]);
    expect(JSON.parse(stdout)).toMatchObject([{ key: { name: 'one' } }]);
  });
});

describe('fuseboard get', () => {
  it('prints a table of all breakers', async () => {
    const own = await started([{ upstream: 'a.test', window: { startedAtMs: Date.now(), total: 7, errors: 2, slow: 1 } }, opened('b.test')]);
    const { status, stdout, stderr } = await run(['--server', server(own), 'get']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout.split('\n').map((line) => line.split(/\s{2,}/))).toEqual([
      ['UPSTREAM', 'STATE', 'UNTIL', 'GENERATION', 'CALLS', 'ERRORS', 'SLOW', 'POLICY', 'OVERRIDE'],
      ['a.test', 'closed', '-', '1', '7', '2', '1', 'n/p@0123456789ab', '-'],
      ['b.test', 'open', expect.stringMatching(/^\d{4}-.*Z$/), '2', '0', '0', '0', 'n/p@0123456789ab', '-'],
      [''],
    ]);
  });

  it('prints the same JSON as the console, in an array, also for one', async () => {
    const own = await started([{ upstream: 'a.test' }, { ...opened('b.test'), override: { author: 'ann', reason: 'deploy', controlOffset: 4 } }]);
    const env = { FUSEBOARD_SERVER: server(own) };
    const all = (await (await own.get('/api/v1/breakers')).json()) as { breakers: unknown[] };
    expect(JSON.parse((await run(['get', '-o', 'json'], { env })).stdout)).toEqual(all.breakers);
    expect(JSON.parse((await run(['get', 'b.test', '-o', 'json'], { env })).stdout)).toEqual([all.breakers[1]]);
    expect(parse((await run(['get', '-o', 'yaml'], { env })).stdout)).toEqual(all.breakers);
  });

  it('says of one, below its line, why it is open, by which outcome, and whose callers are refused', async () => {
    const own = await started([opened('a.test')]);
    const atMs = Date.now();
    await own.transition({ atMs, window: { startedAtMs: atMs - 1_500, total: 10, errors: 10, slow: 0 }, openUntilMs: atMs + 60_000 });
    const proxy = { stateAgeMs: 0, judgedAlone: 0, calls: {}, refused: [{ upstream: 'a.test', calls: 3 }, { upstream: 'b.test', calls: 9 }], waiting: 0 };
    const beat = (instance: string, ageMs: number) => ({ heartbeat: { instance, host: 'host-1', version: '1.2.3', engine: 4, startedMs: atMs, missing: [], proxy }, ageMs });
    const beatAll = (): Promise<void> => own.store.presence.beat([beat('proxy-a', 0), beat('proxy-silent', 20_000)]);
    await beatAll();
    const beating = setInterval(() => void beatAll(), 500);
    onTestFinished(() => clearInterval(beating));
    const { stdout } = await run(['--server', server(own), 'get', 'a.test']);
    const [heading, line, empty, since, ...rest] = stdout.split('\n').map((each) => each.split(/ {2,}/));
    expect([heading?.[0], line?.slice(0, 2), empty]).toEqual(['UPSTREAM', ['a.test', 'open'], ['']]);
    expect(since).toEqual(['open since', expect.stringMatching(/^\S+Z, \d+s ago; ends by itself in \S+$/)]);
    expect(rest).toEqual([
      ['because', '10 errors of 10 calls reached errorAmountThreshold 10 in 1.5s'],
      ['by', 'outcome 0@7 x/1'],
      ['refused', '3 calls in the last minute, at 1 of 1 proxy: proxy-a 3'],
      [''],
    ]);
  });

  it('says of one that is known what could not be found out about it', async () => {
    const history = { list: () => Promise.reject(new Error('the history is away')), append: () => Promise.resolve(), follow: () => Promise.resolve(async () => {}) };
    const own = await started([opened('a.test')], { drivers: () => ({ transitions: history }) });
    const { status, stdout } = await run(['--server', server(own), 'get', 'a.test']);
    expect([status, stdout]).toEqual([0, expect.stringMatching(/^a\.test +open [^]*^because +not known: the transitions cannot be read right now$/m)]);
  });

  it('gets every page, and filters by state', async () => {
    const own = await started([...Array.from({ length: 501 }, (_, index) => ({ upstream: `u${index}.test` })), opened('z.test')]);
    const env = { FUSEBOARD_SERVER: server(own) };
    expect(JSON.parse((await run(['get', '-o', 'json'], { env })).stdout)).toHaveLength(502);
    expect(JSON.parse((await run(['get', '--state', 'open', '-o', 'json'], { env })).stdout)).toMatchObject([{ upstream: 'z.test' }]);
  });

  it('says that there is none where its table is empty, apart from it', async () => {
    const own = await started([{ upstream: 'a.test' }]);
    const env = { FUSEBOARD_SERVER: server(own) };
    const [open, one, json] = await Promise.all([run(['get', '--state', 'open'], { env }), run(['get', 'a.test', '--state', 'open'], { env }), run(['get', '--state', 'open', '-o', 'json'], { env })]);
    expect([open.status, open.stdout.split('\n').length, open.stderr]).toEqual([0, 2, 'no breaker is open\n']);
    expect([one.status, one.stdout.split('\n').length, one.stderr]).toEqual([0, 2, 'a.test is not open\n']);
    expect([json.status, json.stdout, json.stderr]).toEqual([0, '[]\n', '']);
  });

  it('says of an unknown upstream that there is none, and ends with 1', async () => {
    const own = await started([]);
    const { status, stdout, stderr } = await run(['--server', server(own), 'get', 'nobody.test']);
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: 'there is no upstream nobody.test: no policy with circuitBreaking names that host; `fuseboard get` lists them all\n' });
  });

  it('says of an upstream that is not quite one which may have been meant', async () => {
    const own = await started([{ upstream: 'shop.eu.test' }, { upstream: 'stock.eu.test' }]);
    const { status, stderr } = await run(['--server', server(own), 'get', 'Shop']);
    expect([status, stderr]).toEqual([1, 'there is no upstream Shop: no policy with circuitBreaking names that host; did you mean shop.eu.test?\n']);
  });

  it('says of a place that answers, but is no console of gRPC, that it is none', async () => {
    const own = await started([]);
    const other = new Server();
    consoles.push(other);
    const port = await promisify(other.bindAsync.bind(other))('127.0.0.1:0', ServerCredentials.createInsecure());
    const [http, tls, stranger] = await Promise.all([['--server', own.base.slice(7)], ['--tls', '--server', server(own)], ['--server', `127.0.0.1:${port}`]].map((place) => run([...place, 'get'])));
    expect([http?.status, http?.stderr]).toEqual([1, expect.stringMatching(/^what listens at \S+ does not speak gRPC, or only over TLS \(--tls\): a console has gRPC at one port, 50051 by default, and HTTP at another\. Another address: --server HOST:PORT/)]);
    expect([tls?.status, tls?.stderr]).toEqual([1, expect.stringContaining('does not speak gRPC over TLS')]);
    expect([stranger?.status, stranger?.stderr]).toEqual([1, expect.stringMatching(/^what answers at \S+ does not know this question .*: it is no console, or one of an older version\./)]);
  });

  it('says where nobody answers, and what to do, and ends with 1', async () => {
    const { status, stdout, stderr } = await run(['get'], { env: { FUSEBOARD_SERVER: '127.0.0.1:1' } });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toBe('no console answers at 127.0.0.1:1 (connect ECONNREFUSED); is it running? `npm start` starts one. Another address: --server HOST:PORT or FUSEBOARD_SERVER\n');
  });

  it('says so where the states are not known yet', async () => {
    const own = await ConsoleStage.start({ stored: false });
    stages.push(own);
    const { status, stderr } = await run(['--server', server(own), 'get']);
    expect([status, stderr]).toEqual([1, 'the store has no states of partition 0 yet\n']);
  });
});

describe('the token', () => {
  const env = { FUSEBOARD_CONSOLE_LISTEN: '127.0.0.1:0', FUSEBOARD_GRPC_LISTEN: '0.0.0.0:0', FUSEBOARD_TOKEN: 'hush' };

  it('is taken from FUSEBOARD_TOKEN or the file of FUSEBOARD_TOKEN_FILE, and its lack is explained', async () => {
    const own = await started([{ upstream: 'a.test' }], { env });
    const directory = mkdtempSync(join(tmpdir(), 'fuseboard-token-'));
    writeFileSync(join(directory, 'token'), 'hush\n');
    const get = (token: Record<string, string>) => run(['--server', server(own), 'get'], { env: token });
    const [none, wrong, right, file, both] = await Promise.all([
      get({}),
      get({ FUSEBOARD_TOKEN: 'wrong' }),
      get({ FUSEBOARD_TOKEN: 'hush' }),
      get({ FUSEBOARD_TOKEN_FILE: join(directory, 'token') }),
      get({ FUSEBOARD_TOKEN: 'hush', FUSEBOARD_TOKEN_FILE: join(directory, 'token') }),
    ]);
    rmSync(directory, { recursive: true });
    expect([none.status, wrong.status, right.status, file.status, both.status]).toEqual([1, 1, 0, 0, 2]);
    expect(none.stderr).toBe(`${server(own)} refuses: a bearer token is needed (FUSEBOARD_TOKEN). Set FUSEBOARD_TOKEN or FUSEBOARD_TOKEN_FILE.\n`);
    expect(wrong.stderr).toContain('the bearer token is not the one that is configured');
    expect(wrong.stderr).not.toContain('wrong');
    expect(both.stderr).toContain('FUSEBOARD_TOKEN and FUSEBOARD_TOKEN_FILE are both set; allowed: one of them');
  });
});

describe('fuseboard watch', () => {
  it('prints a line for each breaker, then for each change, and ends with 0 on SIGINT', async () => {
    const own = await started([{ upstream: 'a.test' }, opened('b.test')]);
    const command = watching(own, '-o', 'table');
    await expect.poll(() => command.lines.length, { timeout: 30_000 }).toBe(2);
    await own.commit(opened('a.test'));
    await expect.poll(() => command.lines.length).toBe(3);
    expect(command.lines[0]).toMatch(/^\S+Z {2}a\.test {2}closed {2}generation 1$/);
    expect(command.lines[2]).toMatch(/^\S+Z {2}a\.test {2}open until \S+Z {2}generation 2$/);
    command.child.kill('SIGINT');
    expect(await command.ended).toMatchObject({ status: 0, stderr: '' });
  });

  it('prints JSON in a pipe, one object a line', async () => {
    const own = await started([{ upstream: 'a.test' }]);
    const command = watching(own);
    await expect.poll(() => command.lines.length, { timeout: 30_000 }).toBe(1);
    await own.commit(opened('a.test'));
    await expect.poll(() => command.lines.length).toBe(2);
    expect(command.lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([{ upstream: 'a.test', state: 'closed' }, { upstream: 'a.test', state: 'open', generation: 2 }]);
  });

  it('on a terminal is a table that stays, open ones first and in red, and gives the screen back', async () => {
    const own = await started([{ upstream: 'a.test' }, { upstream: 'b.test' }]);
    // In a CI's environment Node takes a terminal for one without colours.
    const { NO_COLOR: _, CI: __, ...env } = process.env;
    const terminal = spawn('script', ['-qec', `${process.execPath} ${join(projectRoot(), 'bin/fuseboard.mjs')} watch`, '/dev/null'], { env: { ...env, FUSEBOARD_SERVER: server(own), TERM: 'xterm' }, stdio: ['pipe', 'pipe', 'inherit'] });
    terminals.push(terminal);
    let screen = '';
    terminal.stdout.setEncoding('utf8').on('data', (part: string) => void (screen += part));
    const closed = once(terminal, 'close');
    const drawn = (): string => screen.slice(screen.lastIndexOf('\u001b[H\u001b[J'));
    await expect.poll(drawn, { timeout: 30_000 }).toMatch(/2 breakers at \S+, 0 open[^]*a\.test +closed[^]*b\.test +closed/);
    await own.commit(opened('b.test'));
    await expect.poll(() => drawn().replaceAll('\u001b[31m', '(red)')).toMatch(/1 open[^]*\(red\)b\.test +open +\d+s [^]*a\.test +closed +- /);
    terminal.stdin.write('\u0003');
    await closed;
    expect(screen.startsWith('\u001b[?1049h')).toBe(true);
    expect(screen).toContain('\u001b[?25h\u001b[?1049l');
  });

  it('comes back when the console does, and then tells only what changed meanwhile', async () => {
    const first = await started([{ upstream: 'a.test' }, { upstream: 'b.test' }]);
    const command = watching(first, '-o', 'table');
    await expect.poll(() => command.lines.length, { timeout: 30_000 }).toBe(2);
    const address = server(first);
    stages.splice(0);
    await first.close();
    await started([{ upstream: 'a.test' }, opened('b.test')], { env: { FUSEBOARD_GRPC_LISTEN: address } });
    await expect.poll(() => command.lines.length, { timeout: 30_000 }).toBe(3);
    expect(command.lines[2]).toContain('b.test  open');
    const [ended, ...rest] = command.stderr.trimEnd().split('\n');
    expect(ended).toBe(`the watch of ${address} ended (the console is stopping); trying again`);
    // Each reason once, however often it was tried.
    expect(rest).toEqual([...(rest.length > 1 ? [`the watch of ${address} ended (connect ECONNREFUSED); trying again`] : []), 'the watch goes on']);
    command.child.kill('SIGINT');
    expect((await command.ended).status).toBe(0);
  });

  it('comes back also where the console had taken the watch, but had no breaker to tell of', async () => {
    const address = await emptyThenFilled();
    const command = start(['watch', '-o', 'table'], { env: { FUSEBOARD_SERVER: address } });
    running.push(command);
    await expect.poll(() => command.lines.length, { timeout: 30_000 }).toBe(1);
    expect(command.lines[0]).toContain('a.test  closed');
    expect(command.stderr).toBe(`the watch of ${address} ended (the console is stopping); trying again\nthe watch goes on\n`);
  });

  it('of an unknown upstream, or where nobody answers, ends with 1 and says why', async () => {
    const own = await started([]);
    const unknown = await watching(own, 'nobody.test').ended;
    expect([unknown.status, unknown.stderr]).toEqual([1, 'there is no upstream nobody.test: no policy with circuitBreaking names that host; `fuseboard get` lists them all\n']);
    const nobody = await run(['watch'], { env: { FUSEBOARD_SERVER: '127.0.0.1:1' } });
    expect(nobody.status).toBe(1);
    expect(nobody.stderr).toContain('no console answers at 127.0.0.1:1');
  });

  it('ends quietly when whoever reads it has enough', async () => {
    const own = await started([{ upstream: 'a.test' }]);
    const command = watching(own);
    await expect.poll(() => command.lines.length, { timeout: 30_000 }).toBe(1);
    command.child.stdout.destroy();
    for (let generation = 2; generation < 6; generation += 1) await own.commit(opened('a.test', generation));
    expect(await command.ended).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('fuseboard echo', () => {
  it('listens, says where, and ends with 0 on SIGTERM', async () => {
    const command = start(['echo', '--listen', '127.0.0.1:0', '--seed', '1']);
    running.push(command);
    await expect.poll(() => command.lines.length, { timeout: 30_000 }).toBe(1);
    const port = /echo listens on 127\.0\.0\.1:(\d+); try: curl/.exec(command.stdout)?.[1];
    const answer = await fetch(`http://127.0.0.1:${port}/echo?status=511`, { method: 'POST', body: 'hello' });
    expect([answer.status, await answer.text()]).toEqual([511, 'hello']);
    command.child.kill('SIGTERM');
    expect((await command.ended).status).toBe(0);
  });

  it('names the flag when its port is in use', async () => {
    const own = await started([]);
    const { status, stderr } = await run(['echo', '--listen', server(own)]);
    expect([status, stderr]).toEqual([1, `--listen: ${server(own)} is in use by another process: stop that one, or choose another port (0: any free one)\n`]);
  });
});

describe('fuseboard fleet', () => {
  it('says who is there and how, the silent first, and which partition nobody folds; as JSON what the console says', async () => {
    const own = await started([]);
    const common = { host: 'host-1', version: '1.2.3', engine: 4, startedMs: 1_790_000_000_000, missing: [] };
    const ingest: Heartbeat = { ...common, instance: 'ingest-1', ingest: { group: 'ingest', partitions: [{ partition: 0, next: 0 }], commits: {} } };
    const proxy: Heartbeat = { ...common, instance: 'proxy-a', proxy: { stateAgeMs: 2_000, judgedAlone: 0, calls: { upstream: 12, degraded: 3 }, refused: [{ upstream: 'a.test', calls: 3 }], waiting: 0 } };
    const beat = (): Promise<void> => own.store.presence.beat([{ heartbeat: proxy, ageMs: 0 }, { heartbeat: ingest, ageMs: 20_000 }]);
    await beat();
    const beating = setInterval(() => void beat(), 500);
    onTestFinished(() => clearInterval(beating));
    const env = { FUSEBOARD_SERVER: server(own) };
    const [shown, json, one] = await Promise.all([run(['fleet'], { env }), run(['fleet', 'proxy', '-o', 'json'], { env }), run(['fleet', '--limit', '1'], { env })]);
    expect(shown.stdout.split('\n').map((line) => line.split(/\s{2,}/))).toEqual([
      ['INSTANCE', 'ROLE', 'STATE', 'HOST', 'VERSION', 'HEARD', 'WHAT IT DOES'],
      ['ingest-1', 'ingest', expect.stringMatching(/^not heard for 2\d s$/), 'host-1', '1.2.3', expect.stringMatching(/^2\d s ago$/), 'partitions 0; lag -'],
      ['proxy-a', 'proxy', 'ready', 'host-1', '1.2.3', expect.stringMatching(/^\d s ago$/), 'states 2 s old; calls in a minute: upstream 12, degraded 3'],
      ['no ingest folds partition 0: nothing opens or closes there'],
      ['1 not heard of, 0 lack something'],
      [''],
    ]);
    const answer = (await (await own.get('/api/v1/fleet?search=proxy')).json()) as { processes: Readonly<Record<string, unknown>>[] };
    const [{ silent: _, age_ms: _age, ...expected } = {}] = answer.processes;
    expect(JSON.parse(json.stdout)).toMatchObject({ summary: { proxies: 1, ingests: 1, silent: 1, unowned: [0], found: 1 }, processes: [expected] });
    expect(one.stdout).toContain('1 of 2 are shown');
  });
});

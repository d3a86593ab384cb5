/** The fleet in containers, as `docker compose up --wait` brings it: one story, told in order. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../support/command.ts';
import { ComposeProject } from '../support/compose.ts';
import { ConsoleClient } from '../support/console-client.ts';
import { eventually } from '../support/eventually.ts';

const UPSTREAM = 'demo.local';
/** The demo policy's. */
const ERRORS_TO_OPEN = 10;
const PROCESSES = { ingest: '9464', 'proxy-1': '9464', 'proxy-2': '9464', console: '8090' };
type Process = keyof typeof PROCESSES;
const EVERY_PROCESS = Object.keys(PROCESSES) as Process[];

/** Images may have to be fetched, and built. */
const UP_WITHIN_MS = 1_200_000;
/** A Kafka on a busy machine takes its time to come back. */
const RECOVERED_WITHIN_MS = 240_000;
const TEST_WITHIN_MS = 900_000;

describe('docker compose up --wait', { timeout: TEST_WITHIN_MS }, () => {
  let project: ComposeProject;
  let console: ConsoleClient;

  beforeAll(async () => {
    project = await ComposeProject.create();
    await project.up();
    console = new ConsoleClient({ host: '127.0.0.1', port: project.ports.CONSOLE_PORT });
  }, UP_WITHIN_MS);
  afterAll(() => project.remove(), TEST_WITHIN_MS);

  /** A call through a proxy as the README's curl makes it; gives the status. */
  async function call(proxy: 'PROXY_1_PORT' | 'PROXY_2_PORT', wish = ''): Promise<number | undefined> {
    const request = get({ host: '127.0.0.1', port: project.ports[proxy], path: `/echo${wish}`, headers: { host: UPSTREAM }, agent: false });
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    answer.resume();
    await once(answer, 'end');
    return answer.statusCode;
  }

  async function refuses(proxy: 'PROXY_1_PORT' | 'PROXY_2_PORT'): Promise<void> {
    await eventually(async () => (await call(proxy)) === 409 || undefined, { what: `${proxy} to refuse` });
  }

  async function isReady(process: Process): Promise<boolean> {
    return (await project.exec(process, 'node', 'docker/healthy.mjs', `http://127.0.0.1:${PROCESSES[process]}/readyz`)) !== undefined;
  }

  async function become(wanted: 'ready' | 'not ready', ...processes: readonly Process[]): Promise<void> {
    await eventually(async () => {
      const ready = await Promise.all(processes.map((process) => isReady(process)));
      return ready.every((is) => is === (wanted === 'ready')) || undefined;
    }, { what: `${processes.join(', ')} to be ${wanted}`, deadlineMs: RECOVERED_WITHIN_MS, everyMs: 200 });
  }

  async function breakerIs(state: string): Promise<void> {
    await eventually(async () => (await console.breaker(UPSTREAM)).state === state || undefined, { what: `${UPSTREAM} to be ${state}`, deadlineMs: RECOVERED_WITHIN_MS });
  }

  /** The table that `fuseboard get` prints, and what it prints to standard error. */
  async function askedByGrpc(): Promise<string> {
    const { stdout, stderr } = await run(['get', UPSTREAM, '--server', `127.0.0.1:${project.ports.GRPC_PORT}`]);
    return stdout + stderr;
  }

  /** What must outlive a stop: which log it is, and how often the breaker has changed. */
  async function known(): Promise<{ incarnation: number; generation: number }> {
    const { incarnation, generation } = await console.breaker(UPSTREAM);
    return { incarnation, generation };
  }

  test('runs every container without root, and on a file system that it can’t write', async () => {
    const ids = (await project.run('ps', '--quiet')).trim().split('\n');
    expect(ids).toHaveLength(7);
    for (const service of [...EVERY_PROCESS, 'demo', 'kafka', 'redis']) {
      const user = await project.exec(service, 'id', '-u');
      // Where everybody may write, were it not for the file system.
      const written = await project.exec(service, 'touch', '/var/tmp/written');
      expect({ service, user, written }).toEqual({ service, user: expect.stringMatching(/^[1-9]\d*$/m), written: undefined });
    }
  });

  test('a breaker that calls through one proxy trip makes the other refuse, and the console shows it over HTTP and gRPC', async () => {
    expect(await call('PROXY_1_PORT')).toBe(200);
    expect(await call('PROXY_2_PORT')).toBe(200);
    expect(await askedByGrpc()).toMatch(/^demo\.local +closed /m);
    for (let i = 0; i < ERRORS_TO_OPEN; i++) expect(await call('PROXY_1_PORT', '?status=511')).toBe(511);
    await refuses('PROXY_2_PORT');
    await breakerIs('open');
    expect(await askedByGrpc()).toMatch(/^demo\.local +open /m);
    expect(await console.transitions(UPSTREAM)).toMatchObject([{ from: 'closed', to: 'open' }]);
  });

  test.each<[service: string, affected: Process[]]>([
    ['redis', EVERY_PROCESS],
    ['kafka', ['ingest']],
  ])('while %s is stopped processes are not ready and calls pass; once it is back the breaker is still known', async (service, affected) => {
    await breakerIs('closed');
    const before = await known();
    await project.run('stop', service);
    await become('not ready', ...affected);
    expect(await call('PROXY_1_PORT')).toBe(200);
    await project.run('start', service);
    await become('ready', ...EVERY_PROCESS);
    expect(await known()).toEqual(before);
    expect(await console.transitions(UPSTREAM)).toContainEqual(expect.objectContaining({ from: 'closed', to: 'open' }));
    expect(await call('PROXY_2_PORT')).toBe(200);
  });

  test('a producer on this machine reaches Kafka by its published port, and trips the breaker for all', async () => {
    const kafka = new Kafka({ brokers: [`127.0.0.1:${project.ports.KAFKA_PORT}`], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ idempotent: true });
    await producer.connect();
    const outcome = { v: 1, upstream: UPSTREAM, at: Date.now(), reporter: 'test', status: 511, count: ERRORS_TO_OPEN };
    await producer.send({ topic: 'fuseboard.outcomes', messages: [{ key: UPSTREAM, value: JSON.stringify(outcome) }] });
    await producer.disconnect();
    await refuses('PROXY_1_PORT');
    await refuses('PROXY_2_PORT');
    expect((await console.breaker(UPSTREAM)).state).toBe('open');
  });

  test('has Prometheus and Grafana in the profile `observability`', async () => {
    const services = await project.run('--profile', 'observability', 'config', '--services');
    expect(services.split('\n')).toEqual(expect.arrayContaining(['prometheus', 'grafana']));
  });

  test('`down -v` ends all of it in time and leaves no container, network or volume', async () => {
    await project.run('down', '--volumes');
    expect(await project.leftovers()).toEqual([]);
  });
});

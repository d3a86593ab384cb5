/**
 * What a call costs the proxy: calls per second of CPU of the proxy's own process (from /proc), so that the load's and
 * the upstream's share doesn't blur it. Peers in the same run, in turns: node:http + undici written plainly, and nginx
 * with one worker where it is on PATH. Everything is on 127.0.0.1 and bounded in time.
 */
import { fork, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { REFUSED_HOST, SERVED_HOST, type LoadOrder, type Said, type Work } from './proxy-process.ts';

const WORKS: readonly Work[] = ['refuse', 'forward', 'forward 64 KiB', 'post 1 KiB'];
const ROUNDS = 3;
const CONNECTIONS = 64;
const WARM_UP_MS = 700;
const DURATION_MS = 1_500;
/** /proc counts CPU time in hundredths of a second, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

export interface ProxyRow {
  readonly proxy: string;
  readonly work: Work;
  /** Calls per second of the proxy's CPU, the best of the rounds: what else the machine does only slows. */
  readonly callsPerCpuSecond: number;
  /** Against each peer in the run, by its name. */
  readonly ratios: Readonly<Record<string, number>>;
  /** Calls per second on the wall, the best of the rounds; the load generator shares the machine. */
  readonly callsPerSecond: number;
}

type Measured = Omit<ProxyRow, 'ratios'>;

interface Subject {
  readonly name: string;
  readonly pid: number;
  readonly port: number;
}

export async function run(works: readonly Work[] = WORKS): Promise<ProxyRow[]> {
  const children: ChildProcess[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'fuseboard-bench-'));
  try {
    const upstream = await start(children, 'upstream');
    const target = `127.0.0.1:${upstream.port}`;
    const subjects = [await start(children, 'fuseboard', target), await start(children, 'plain', target)];
    const nginx = await startNginx(children, folder, target);
    if (nginx === undefined) console.log('nginx not on PATH: left out');
    else subjects.push(nginx);
    const load = forkRole('load');
    children.push(load);
    const rows = await measureAll(load, subjects, works);
    print(rows);
    return rows;
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureAll(load: ChildProcess, subjects: readonly Subject[], works: readonly Work[]): Promise<ProxyRow[]> {
  const best = new Map<string, Measured>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const work of works) {
      for (const subject of subjects) {
        const measured = await measureOne(load, subject, work);
        const before = best.get(`${subject.name} ${work}`);
        if (before === undefined || measured.callsPerCpuSecond > before.callsPerCpuSecond) best.set(`${subject.name} ${work}`, measured);
      }
    }
  }
  const against = (row: Measured, peer: string) => row.callsPerCpuSecond / (best.get(`${peer} ${row.work}`)?.callsPerCpuSecond ?? Number.NaN);
  return [...best.values()].map((row) => ({ ...row, ratios: Object.fromEntries(subjects.map(({ name }) => [name, against(row, name)])) }));
}

async function measureOne(load: ChildProcess, { name, pid, port }: Subject, work: Work): Promise<Measured> {
  const host = work === 'refuse' ? REFUSED_HOST : SERVED_HOST;
  load.send({ port, host, work, connections: CONNECTIONS, warmUpMs: WARM_UP_MS, durationMs: DURATION_MS } satisfies LoadOrder);
  await heard(load, 'warm');
  const from = { cpuS: cpuSeconds(pid), ms: performance.now() };
  const { answers, unexpected } = await heard(load, 'done');
  const cpuS = cpuSeconds(pid) - from.cpuS;
  if (unexpected > 0) throw new Error(`${name}: ${unexpected} answers were not what "${work}" should give`);
  return { proxy: name, work, callsPerCpuSecond: answers / cpuS, callsPerSecond: (answers * 1_000) / (performance.now() - from.ms) };
}

/** User and system time so far. The name in the second field may hold spaces; what follows its bracket doesn't. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function forkRole(role: string, ...args: string[]): ChildProcess {
  const file = fileURLToPath(new URL(`./proxy-process${extname(import.meta.filename)}`, import.meta.url));
  return fork(file, [role, ...args]);
}

async function start(children: ChildProcess[], role: string, ...args: string[]): Promise<Subject> {
  const child = forkRole(role, ...args);
  children.push(child);
  const { port } = await heard(child, 'ready');
  const names: Record<string, string> = { fuseboard: 'fuseboard', plain: 'node:http + undici' };
  return { name: names[role] ?? role, pid: child.pid ?? 0, port };
}

async function heard<K extends Said['kind']>(child: ChildProcess, kind: K): Promise<Extract<Said, { kind: K }>> {
  return new Promise((resolve, reject) => {
    const onExit = () => reject(new Error('a process of the benchmark ended early'));
    const onMessage = (said: Said) => {
      if (said.kind !== kind) return;
      child.off('exit', onExit).off('message', onMessage);
      resolve(said as Extract<Said, { kind: K }>);
    };
    child.on('exit', onExit).on('message', onMessage);
  });
}

async function startNginx(children: ChildProcess[], folder: string, target: string): Promise<Subject | undefined> {
  if (spawnSync('nginx', ['-v']).error !== undefined) return undefined;
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, nginxConfig(folder, port, target));
  const child = spawn('nginx', ['-c', file, '-p', folder, '-e', join(folder, 'error.log')], { stdio: 'ignore' });
  children.push(child);
  await answering(port);
  return { name: 'nginx', pid: child.pid ?? 0, port };
}

/** One process, no log, connections kept on both sides. */
function nginxConfig(folder: string, port: number, target: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  return `daemon off; master_process off; pid ${folder}/nginx.pid; events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; ${temporary}
  upstream u { server ${target}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}; server_name ${REFUSED_HOST}; default_type "text/plain; charset=utf-8";
    add_header x-fuseboard-state open always; add_header retry-after 3600 always; add_header cache-control no-store always;
    location / { return 409 "Coming soon ..."; }
  }
  server {
    listen 127.0.0.1:${port}; server_name ${SERVED_HOST};
    location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; add_header via "1.1 nginx" always; }
  }
}
`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function answering(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('nginx does not answer');
}

function print(rows: readonly ProxyRow[]): void {
  console.table(
    rows.map(({ proxy, work, callsPerCpuSecond, ratios, callsPerSecond }) => ({
      proxy,
      work,
      'calls per CPU-second': Math.round(callsPerCpuSecond),
      ...Object.fromEntries(Object.entries(ratios).flatMap(([peer, ratio]) => (peer === 'fuseboard' ? [] : [[`× ${peer}`, Number(ratio.toFixed(2))]]))),
      'calls/s': Math.round(callsPerSecond),
    })),
  );
}

if (import.meta.main) await run();

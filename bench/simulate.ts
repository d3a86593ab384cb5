/**
 * How fast `fuseboard simulate` reads, as a whole command with its start: a million and ten million outcome records, and a
 * million lines of an nginx access log, beside `wc -l` and beside node:readline with JSON.parse on the same lines. Goal:
 * ten million in a minute, in memory that doesn't grow with them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const LINES = 1_000_000;
/** The same file so many times: each of its lines is read and folded again. */
const TIMES = 10;
const ROUNDS = 2;

interface Subject {
  readonly name: string;
  readonly lines: number;
  readonly command: readonly [string, ...string[]];
  readonly rounds?: number;
}

interface Ran {
  readonly seconds: number;
  /** The most that the process held, MiB; of Node's processes alone. */
  readonly rssMib?: number;
}

export interface SimulateRow extends Ran {
  readonly name: string;
  readonly lines: number;
  /** Time for a line, against that of `wc -l` and of node:readline with JSON.parse. */
  readonly timesWc: number;
  readonly timesReadline: number;
}

export async function run(): Promise<SimulateRow[]> {
  const directory = mkdtempSync(join(tmpdir(), 'fuseboard-bench-simulate-'));
  try {
    const rows = [];
    for (const subject of subjects(directory)) rows.push({ ...subject, ...(await best(subject)) });
    const [wc, readline] = rows.map(({ seconds, lines }) => seconds / lines) as [number, number];
    const result = rows.map(({ name, lines, seconds, rssMib }): SimulateRow => {
      return { name, lines, seconds, ...(rssMib !== undefined && { rssMib }), timesWc: seconds / lines / wc, timesReadline: seconds / lines / readline };
    });
    console.table(result.map(({ name, lines, seconds, rssMib, timesWc, timesReadline }) => ({
      command: name,
      lines: lines.toLocaleString('en-US'),
      seconds: Number(seconds.toFixed(1)),
      'lines/s': Math.round(lines / seconds).toLocaleString('en-US'),
      'RSS MiB': rssMib === undefined ? '-' : Math.round(rssMib),
      '× wc -l': Number(timesWc.toFixed(1)),
      '× readline': Number(timesReadline.toFixed(2)),
    })));
    return result;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const READLINE = `import { createReadStream } from 'node:fs'; import { createInterface } from 'node:readline';
let sum = 0; for await (const line of createInterface({ input: createReadStream(process.argv[1]), crlfDelay: Infinity })) sum += JSON.parse(line).status;
console.log(sum);`;

function subjects(directory: string): Subject[] {
  const [outcomes, nginx, policy, other] = ['outcomes.jsonl', 'access.log', 'policy.yaml', 'other.yaml'].map((name) => join(directory, name)) as [string, string, string, string];
  write(outcomes, outcomeLine);
  write(nginx, nginxLine);
  writeFileSync(policy, policyText(0.2));
  writeFileSync(other, policyText(0.3));
  const simulate = (...args: string[]): [string, ...string[]] => [process.execPath, join(process.cwd(), 'bin/fuseboard.mjs'), 'simulate', '-f', policy, '-o', 'json', ...args];
  return [
    { name: 'wc -l', lines: LINES, command: ['wc', '-l', outcomes] },
    { name: 'node:readline, JSON.parse', lines: LINES, command: [process.execPath, '--input-type=module', '-e', READLINE, outcomes] },
    { name: 'simulate, outcomes', lines: LINES, command: simulate(outcomes) },
    { name: 'simulate, outcomes', lines: LINES * TIMES, command: simulate(...Array.from({ length: TIMES }, () => outcomes)), rounds: 1 },
    { name: 'simulate, two policies', lines: LINES, command: simulate('-f', other, outcomes) },
    { name: 'simulate, nginx', lines: LINES, command: simulate(nginx) },
  ];
}

async function best({ command, rounds = ROUNDS }: Subject): Promise<Ran> {
  const ran: Ran[] = [];
  for (let round = 0; round < rounds; round++) ran.push(await runOnce(command));
  return ran.toSorted((a, b) => a.seconds - b.seconds)[0] as Ran;
}

/** Says at its end what the process held at most. */
const TELL_RSS = `process.on('exit', () => process._rawDebug('rss ' + process.resourceUsage().maxRSS))`;

async function runOnce([program, ...args]: readonly [string, ...string[]]): Promise<Ran> {
  const startMs = performance.now();
  const env = { ...process.env, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(TELL_RSS)}` };
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [, said, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close') as Promise<[number | null]>]);
  if (status !== 0) throw new Error(`${program} ${args[0]} ended with ${status}: ${said}`);
  const kib = /^rss (\d+)$/m.exec(said)?.[1];
  return { seconds: (performance.now() - startMs) / 1_000, ...(kib !== undefined && { rssMib: Number(kib) / 1_024 }) };
}

function policyText(errorRatioThreshold: number): string {
  return `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: bench-${errorRatioThreshold * 10}, namespace: bench }
spec:
  host: shop.bench.local
  connectionSettings: { http: { circuitBreaking: { statTimeWindow: 30s, errorRatioThreshold: ${errorRatioThreshold}, degradedTimeWindow: 15s } } }
`;
}

/** Each line 5 ms later; a third of 8,000 in 200,000 fail, so that it opens now and then. */
function write(file: string, lineOf: (n: number, atMs: number, status: number) => string): void {
  const descriptor = openSync(file, 'w');
  let pending = '';
  for (let n = 0; n < LINES; n++) {
    pending += lineOf(n, 1_790_000_000_000 + 5 * n, n % 200_000 < 8_000 && n % 3 === 0 ? 503 : 200);
    if (pending.length < 1_048_576) continue;
    writeSync(descriptor, pending);
    pending = '';
  }
  writeSync(descriptor, pending);
  closeSync(descriptor);
}

function outcomeLine(n: number, at: number, status: number): string {
  return `${JSON.stringify({ v: 1, id: `proxy-a/01J8ZQ${String(n).padStart(12, '0')}`, upstream: 'shop.bench.local', at, status, durationMs: 4.2 + (n % 70) / 8, reporter: 'proxy-a-4f7c', incarnation: 1, generation: 3 })}\n`;
}

function nginxLine(n: number, atMs: number, status: number): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date(atMs).toUTCString()) ?? [];
  return `10.0.0.${n % 250} - - [${day}/${month}/${year}:${time} +0000] "GET /items/${n % 999} HTTP/1.1" ${status} ${100 + (n % 900)} "-" "Mozilla/5.0 (X11; Linux x86_64)" 0.${String(n % 1_000).padStart(3, '0')}\n`;
}

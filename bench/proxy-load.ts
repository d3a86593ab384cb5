/**
 * Load in a closed loop: so many connections, each with one call at a time. By wrk where it is on PATH, as it leaves the
 * most of the machine to the proxy; else by a process of our own.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchClient } from './proxy-client.ts';
import type { Said } from './proxy-process.ts';
import { cpuSeconds, endedChildrenCpuSeconds, heard, type BenchStage } from './proxy-subjects.ts';
import { POST_BODY, REQUEST_HEADERS, shapeOf, type CallShape, type Work } from './proxy-world.ts';

export interface LoadOrder {
  readonly port: number;
  readonly work: Work;
  readonly connections: number;
  /** Whole. */
  readonly durationS: number;
}

export interface Loaded {
  /** Answers as they should be. */
  readonly answers: number;
  readonly unexpected: number;
  /** CPU of the generator. */
  readonly cpuS: number;
}

export interface LoadGenerator {
  readonly name: string;
  readonly run: (order: LoadOrder) => Promise<Loaded>;
}

export function openLoad(stage: BenchStage): LoadGenerator {
  if (spawnSync('wrk', ['-v']).error === undefined) return { name: 'wrk', run: (order) => runWrk(stage.folder, order) };
  const child = stage.fork('load');
  const run = async (order: LoadOrder): Promise<Loaded> => {
    const fromS = cpuSeconds(child.pid as number);
    child.send(order);
    const { answers, unexpected } = await heard(child, 'loaded');
    return { answers, unexpected, cpuS: cpuSeconds(child.pid as number) - fromS };
  };
  return { name: 'a process of our own', run };
}

async function runWrk(folder: string, { port, work, connections, durationS }: LoadOrder): Promise<Loaded> {
  const shape = shapeOf(work);
  const script = join(folder, 'wrk.lua');
  writeFileSync(script, wrkScript(shape));
  const fromS = endedChildrenCpuSeconds();
  const args = ['-t', '1', '-c', `${connections}`, '-d', `${durationS}`, '-s', script, `http://127.0.0.1:${port}${shape.path}`];
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(child, 'close');
  const told = /^fuseboard (\d+) (\d+) (\d+)$/m.exec(output)?.slice(1).map(Number);
  if (told === undefined) throw new Error(`wrk: ${output}`);
  const [requests = 0, otherStatus = 0, socketErrors = 0] = told;
  // wrk counts as errors what isn't 2xx or 3xx: a degraded answer is meant to be one.
  const unexpected = socketErrors + (shape.statusCode < 400 ? otherStatus : requests - otherStatus);
  return { answers: requests, unexpected, cpuS: endedChildrenCpuSeconds() - fromS };
}

function wrkScript({ host, method }: CallShape): string {
  const headers: (readonly [string, string])[] = [['Host', host], ...REQUEST_HEADERS];
  if (method === 'POST') headers.push(['Content-Type', 'text/plain']);
  return `wrk.method = "${method}"
${headers.map(([name, value]) => `wrk.headers["${name}"] = "${value}"`).join('\n')}
${method === 'POST' ? `wrk.body = "${POST_BODY}"` : ''}
done = function(summary)
  local e = summary.errors
  print(string.format("fuseboard %d %d %d", summary.requests, e.status, e.connect + e.read + e.write + e.timeout))
end
`;
}

/** The role of that process. */
export function runLoad(say: (said: Said) => void): void {
  process.on('message', ({ port, work, connections, durationS }: LoadOrder) => {
    const tally = { answers: 0, unexpected: 0 };
    const clients = Array.from({ length: connections }, () => {
      return new BenchClient(port, shapeOf(work), {
        onAnswer: (client, isExpected) => {
          if (isExpected) tally.answers++;
          else tally.unexpected++;
          client.call();
        },
        onBroken: () => tally.unexpected++,
      });
    });
    for (const client of clients) client.call();
    setTimeout(() => {
      say({ kind: 'loaded', ...tally });
      for (const client of clients) client.destroy();
    }, durationS * 1_000);
  });
}

/**
 * The processes of the proxy benchmark, one role each: the upstream, a load, and proxies that have their process to
 * themselves. They end when their parent lets go of them.
 */
import { createServer, type AddressInfo } from 'node:net';
import { createHttpProxy, NO_LIMITS, type CallTracer, type Decision } from '#http-proxy';
import { runHold } from './proxy-hold.ts';
import { runLoad } from './proxy-load.ts';
import { runHttpProxy3, runPlain } from './proxy-node-peers.ts';
import { runPace, type Paced } from './proxy-pace.ts';
import { runCollector, tracerTo } from './proxy-traced.ts';
import { BIG_PATH, FAIL_PATH, REFUSAL, REFUSED_HOST, SERVED_HOSTS } from './proxy-world.ts';

/** To the parent. */
export type Said =
  | { readonly kind: 'ready'; readonly port: number }
  | { readonly kind: 'loaded'; readonly answers: number; readonly unexpected: number }
  | { readonly kind: 'paced'; readonly paced: Paced }
  | { readonly kind: 'held' };

function say(said: Said): void {
  process.send?.(said);
}

/** Answers as fast as one process can: it must not be what is measured. */
async function runUpstream(): Promise<number> {
  const answer = (status: string, body: string) => Buffer.from(`HTTP/1.1 ${status}\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  const small = answer('200 OK', 'hello, world');
  const big = answer('200 OK', 'x'.repeat(65_536));
  const failure = answer('503 Service Unavailable', 'failed');
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined).on('data', (chunk: Buffer) => {
      const line = chunk.subarray(0, 16);
      // A proxy asks one thing at a time; a body comes with its head or behind it, and ends in "!".
      if (line.includes(BIG_PATH)) socket.write(big);
      else if (line.includes(FAIL_PATH)) socket.write(failure);
      else if (chunk[0] === 0x47 || chunk.at(-1) === 0x21) socket.write(small);
    });
  });
  return await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

/** The data plane alone, as a library: everything but the states, the reports' log and the metrics. */
async function runLibrary(target: string, tracer?: CallTracer): Promise<number> {
  const admit: Decision = { kind: 'admit', admitted: { incarnation: 1, generation: 1 }, slowTimeThresholdMs: 5_000 };
  const refuse: Decision = { kind: 'refuse', degraded: { statusCode: REFUSAL.statusCode, content: REFUSAL.body }, untilMs: Date.now() + 3_600_000 };
  let told = 0;
  const proxy = createHttpProxy({
    decide: (upstream) => (upstream === REFUSED_HOST ? refuse : admit),
    report: () => told++,
    onCall: () => told++,
    ...(tracer === undefined ? {} : { tracer }),
  });
  await proxy.configure([REFUSED_HOST, ...SERVED_HOSTS].map((host) => ({ name: host, upstream: host, host, port: 80, targets: [target], limits: NO_LIMITS })));
  const address = await proxy.listen('127.0.0.1:0');
  return Number(address.split(':')[1]);
}

/** Roles that listen; each gives its port. */
const SERVERS: Readonly<Record<string, (target: string, ...more: string[]) => Promise<number>>> = {
  upstream: runUpstream,
  library: (target) => runLibrary(target),
  traced: async (target, collector = '', share = '') => await runLibrary(target, await tracerTo(collector, share)),
  collector: runCollector,
  'node:http + undici': runPlain,
  'http-proxy-3': runHttpProxy3,
};

/** Roles that call. */
const CLIENTS: Readonly<Record<string, (tell: typeof say) => unknown>> = { load: runLoad, pace: runPace, hold: runHold };

if (process.send !== undefined) {
  const [role = '', target = '', ...more] = process.argv.slice(2);
  process.on('disconnect', () => process.exit());
  if (role in CLIENTS) CLIENTS[role]?.(say);
  else say({ kind: 'ready', port: (await SERVERS[role]?.(target, ...more)) ?? 0 });
}

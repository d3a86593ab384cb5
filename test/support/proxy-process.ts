/**
 * A data plane in a process of its own, so that its memory is its alone. Started by `startProxyProcess`; told what to
 * serve by its first argument.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createHttpProxy, NO_LIMITS } from '#http-proxy';
import type { Cleanup } from './data-plane.ts';

export interface Memory {
  /** Resident now, bytes. */
  readonly rss: number;
  /** The most that ever was. */
  readonly peak: number;
}

export interface ProxyProcess {
  readonly port: number;
  readonly memory: () => Promise<Memory>;
  /** How many calls are in flight in it. */
  readonly callsInFlight: () => Promise<number>;
}

type Told = Memory & { readonly callsInFlight: number };

/** Serves `api.test` from this target with the defaults. */
export async function startProxyProcess(cleanup: Cleanup, target: string): Promise<ProxyProcess> {
  const child: ChildProcess = fork(fileURLToPath(import.meta.url), [target], { execArgv: ['--conditions=source'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  cleanup.add(() => child.kill('SIGKILL'));
  const [port] = (await once(child, 'message')) as [number];
  const ask = async (): Promise<Told> => {
    const told = once(child, 'message');
    child.send('tell');
    return ((await told) as [Told])[0];
  };
  return { port, memory: ask, callsInFlight: async () => (await ask()).callsInFlight };
}

async function serve(target: string): Promise<void> {
  const proxy = createHttpProxy({ decide: () => ({ kind: 'admit' }), report: () => undefined });
  await proxy.configure([{ name: 'test/api', upstream: 'api.test', host: 'api.test', port: 80, targets: [target], limits: NO_LIMITS }]);
  const address = await proxy.listen('127.0.0.1:0');
  process.on('message', () => {
    const told: Told = { rss: process.memoryUsage.rss(), peak: process.resourceUsage().maxRSS * 1_024, callsInFlight: proxy.stats().callsInFlight };
    process.send?.(told);
  });
  // Nobody is left to serve.
  process.on('disconnect', () => process.exit());
  process.send?.(Number(address.split(':')[1]));
}

if (process.send !== undefined && process.argv[1] === fileURLToPath(import.meta.url)) await serve(process.argv[2] ?? '');

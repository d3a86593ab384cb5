/**
 * A load like Fortio's: so many connections, each with its own share of the calls and of the rate. A connection that
 * has fallen behind goes on without a pause until it has caught up. Every call's end is kept.
 */
import { Agent, request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Load {
  readonly proxy: { readonly host: string; readonly port: number };
  /** `Host` header: the upstream. */
  readonly host: string;
  readonly path: string;
  readonly connections: number;
  readonly calls: number;
  /** Calls a second over all connections; 0: as fast as they are answered. */
  readonly qps: number;
  /** Looked at before each call; true ends the load early. */
  readonly isOver?: (ended: readonly CallEnd[]) => boolean;
}

/** How a call ended, as its caller saw it. */
export interface CallEnd {
  /** ms since 1970, as are transitions. */
  readonly sentMs: number;
  readonly doneMs: number;
  /** By a monotonic clock. */
  readonly durationMs: number;
  /** Absent: no answer, see `failure`. */
  readonly status?: number;
  readonly failure?: string;
  /** The proxy's own answer in place of the upstream's. */
  readonly degraded: boolean;
  readonly overloaded: boolean;
  /** Of answers that the proxy gave itself. */
  readonly own?: OwnAnswer;
}

type How = Omit<CallEnd, 'sentMs' | 'doneMs' | 'durationMs'>;

export interface OwnAnswer {
  readonly body: string;
  readonly retryAfter: string | undefined;
  readonly cacheControl: string | undefined;
  readonly contentType: string | undefined;
}

/** A call that hasn't ended by then counts as failed, ms. */
const CALL_MAX_MS = 30_000;

export async function runLoad(load: Load): Promise<CallEnd[]> {
  const ended: CallEnd[] = [];
  const startMs = performance.now();
  const share = Math.floor(load.calls / load.connections);
  const extra = load.calls % load.connections;
  const each = Array.from({ length: load.connections }, (_, i) => share + (i < extra ? 1 : 0));
  await Promise.all(each.map((calls) => runConnection({ ...load, calls }, startMs, ended)));
  return ended;
}

async function runConnection(load: Load, startMs: number, ended: CallEnd[]): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const everyMs = load.qps === 0 ? 0 : (1000 * load.connections) / load.qps;
  try {
    for (let i = 0; i < load.calls; i++) {
      const earlyMs = startMs + i * everyMs - performance.now();
      if (earlyMs > 1) await sleep(earlyMs);
      if (load.isOver?.(ended) === true) return;
      ended.push(await call(load, agent));
    }
  } finally {
    agent.destroy();
  }
}

/** One call, never rejected: a failure is an end like others. */
export function call({ proxy, host, path }: Pick<Load, 'proxy' | 'host' | 'path'>, agent?: Agent): Promise<CallEnd> {
  const sentMs = Date.now();
  const startMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<CallEnd>();
  const end = (how: How): void => resolve({ sentMs, doneMs: Date.now(), durationMs: performance.now() - startMs, ...how });
  const fail = (error: NodeJS.ErrnoException): void => end({ failure: error.code ?? error.message, degraded: false, overloaded: false });
  const sent = request(
    { ...proxy, path, headers: { host }, ...(agent === undefined ? { agent: false } : { agent }), timeout: CALL_MAX_MS },
    (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => (body += part));
      answer.on('error', fail);
      answer.on('end', () => end(howEnded(answer, body)));
    },
  );
  sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
  sent.on('error', fail);
  sent.end();
  return promise;
}

function howEnded({ statusCode, headers }: IncomingMessage, body: string): How {
  const degraded = headers['x-fuseboard-state'] === 'open';
  const overloaded = headers['x-envoy-overloaded'] === 'true';
  const error = headers['x-fuseboard-error'];
  const own = {
    body,
    retryAfter: headers['retry-after'],
    cacheControl: headers['cache-control'],
    contentType: headers['content-type'],
  };
  return {
    ...(error === undefined ? { status: statusCode as number } : { failure: `${statusCode} ${String(error)}` }),
    degraded,
    overloaded,
    ...(degraded || overloaded ? { own } : {}),
  };
}

/** `200:793 511:207`; failures by name. */
export function byStatus(ends: readonly CallEnd[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { status, failure } of ends) {
    const name = failure ?? String(status);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return new Map([...counts].toSorted(([a], [b]) => a.localeCompare(b)));
}

export function inWords(counts: ReadonlyMap<string, number>): string {
  return counts.size === 0 ? 'none' : [...counts].map(([name, count]) => `${name}:${count}`).join(' ');
}

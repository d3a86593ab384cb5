/** A Redis of one's own: a local `redis-server` that keeps nothing on disk unless its arguments say so. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { redisAnswers } from './answers.ts';
import { NoServiceError, onPath } from './no-service.ts';
import { onDeath } from './on-death.ts';
import { ServerProcess, restartablePort } from './server-process.ts';

export interface RedisOptions {
  /** Further arguments of redis-server, such as `--maxmemory-policy allkeys-lru`; the last one of a name holds. */
  readonly args?: readonly string[];
  /** Of certificates, PEM: it takes TLS too, on a port of its own. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** How long until it must answer, ms; loading what it kept included. */
const READY_WITHIN_MS = 20_000;

/** A server of one's own, to be stopped, killed and started again: on the same port, with what it kept on disk. */
export class RedisServer {
  readonly port: number;
  /** Undefined: it takes none. */
  readonly tlsPort: number | undefined;
  readonly #folder: string;
  readonly #args: readonly string[];
  readonly #release: () => void;
  #process: ServerProcess | undefined;

  private constructor([port, tlsPort]: readonly [number, number?], { args = [], tls }: RedisOptions) {
    this.port = port;
    this.tlsPort = tlsPort;
    this.#args = tls === undefined ? args : ['--tls-port', `${tlsPort}`, '--tls-ca-cert-file', tls.ca, '--tls-cert-file', tls.cert, '--tls-key-file', tls.key, ...args];
    this.#folder = mkdtempSync(join(tmpdir(), 'fuseboard-redis-'));
    this.#release = onDeath(['rm', '-rf', this.#folder]);
  }

  /** @throws NoServiceError where there is no `redis-server`. */
  static async open(options: RedisOptions): Promise<RedisServer> {
    if (onPath('redis-server') === undefined) throw new NoServiceError('no redis-server on PATH (Debian: apt-get install redis-server)');
    const ports = [await restartablePort(), ...(options.tls === undefined ? [] : [await restartablePort()])] as const;
    const server = new RedisServer(ports as readonly [number, number?], options);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  async start(): Promise<void> {
    this.#process ??= await ServerProcess.start({
      name: 'redis-server',
      command: 'redis-server',
      args: ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#folder, '--save', '', '--appendonly', 'no', ...this.#args],
      logFile: join(this.#folder, 'log'),
      answers: () => redisAnswers(this.url),
      readyWithinMs: READY_WITHIN_MS,
    });
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal);
    this.#process = undefined;
  }

  /** Ends it and removes what it kept. */
  async close(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
    this.#release();
  }
}

/** @throws NoServiceError where there is no `redis-server`. */
export function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  return RedisServer.open(options);
}

/** A primary, its replica and three Sentinels of one's own, as local processes. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../eventually.ts';
import { redisAnswers } from './answers.ts';
import { onDeath } from './on-death.ts';
import { asked } from './redis-cli.ts';
import { RedisServer, type RedisOptions } from './redis.ts';
import { ServerProcess, restartablePort } from './server-process.ts';

export const PRIMARY_NAME = 'fuse.primary-1';
const SENTINELS = 3;
const QUORUM = 2;
/** A primary that is silent for so long is down, ms. */
const DOWN_AFTER_MS = 500;
const READY_WITHIN_MS = 20_000;

export class RedisSentinels {
  readonly servers: readonly RedisServer[];
  /** Of the Sentinels, without TLS. */
  readonly ports: readonly number[];
  /** The same with it, where there is. */
  readonly #tlsPorts: readonly number[];
  readonly #tls: RedisOptions['tls'];
  readonly #folder: string;
  readonly #release: () => void;
  readonly #sentinels: ServerProcess[] = [];

  private constructor(servers: readonly RedisServer[], ports: readonly [plain: readonly number[], tls: readonly number[]], tls: RedisOptions['tls']) {
    this.servers = servers;
    [this.ports, this.#tlsPorts] = ports;
    this.#tls = tls;
    this.#folder = mkdtempSync(join(tmpdir(), 'fuseboard-sentinels-'));
    this.#release = onDeath(['rm', '-rf', this.#folder]);
  }

  /** @throws NoServiceError where there is no `redis-server`. */
  static async open({ args = [], tls }: RedisOptions = {}): Promise<RedisSentinels> {
    const settings = ['--repl-diskless-sync-delay', '0', ...(tls === undefined ? [] : ['--tls-replication', 'yes']), ...args];
    const primary = await RedisServer.open({ args: settings, ...(tls && { tls }) });
    const replica = await RedisServer.open({ args: [...settings, '--replicaof', '127.0.0.1', `${portOf(primary)}`], ...(tls && { tls }) });
    const ports = (): Promise<number[]> => Promise.all(Array.from({ length: SENTINELS }, restartablePort));
    const opened = new RedisSentinels([primary, replica], [await ports(), tls === undefined ? [] : await ports()], tls);
    try {
      await opened.#start(primary);
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  get url(): string {
    const [scheme, ports] = this.#tls === undefined ? ['redis', this.ports] : ['rediss', this.#tlsPorts];
    return `${scheme}+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${PRIMARY_NAME}`;
  }

  /** Whom most of the Sentinels name. */
  async primary(): Promise<RedisServer> {
    const named = await Promise.all(this.ports.map((port) => asked({ port }, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', PRIMARY_NAME).catch(() => undefined)));
    const ports = named.map((address) => Number((address as [string, string] | undefined)?.[1]));
    const most = this.servers.find((server) => ports.filter((port) => port === portOf(server)).length >= QUORUM);
    if (most === undefined) throw new Error(`the Sentinels name ${ports.join(', ')}`);
    return most;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sentinels.map((each) => each.stop('SIGKILL')), ...this.servers.map((each) => each.close())]);
    rmSync(this.#folder, { recursive: true, force: true });
    this.#release();
  }

  async #start(primary: RedisServer): Promise<void> {
    const replica = this.servers[1] as RedisServer;
    await eventually(async () => (String(await asked(replica, 'INFO', 'replication')).includes('master_link_status:up') ? true : undefined), { what: 'the replica to follow' });
    for (const at of this.ports.keys()) this.#sentinels.push(await this.#sentinel(at, primary));
    const knowAll = async (): Promise<true | undefined> => {
      const said = await Promise.all(this.ports.map(async (port) => String(await asked({ port }, 'INFO', 'sentinel'))));
      return said.every((each) => each.includes(`slaves=1,sentinels=${SENTINELS}`)) ? true : undefined;
    };
    await eventually(knowAll, { what: 'the Sentinels to know each other and the replica' });
  }

  /** Knows the others from the start, which it would take some ten seconds to find by itself. */
  #sentinel(at: number, primary: RedisServer): Promise<ServerProcess> {
    const port = this.ports[at] as number;
    const tls = this.#tls;
    const secure = tls === undefined ? [] : [`tls-port ${this.#tlsPorts[at]}`, `tls-ca-cert-file ${tls.ca}`, `tls-cert-file ${tls.cert}`, `tls-key-file ${tls.key}`, 'tls-replication yes'];
    const reached = tls === undefined ? this.ports : this.#tlsPorts;
    const file = join(this.#folder, `${port}.conf`);
    const ofPrimary = (setting: string, value: string | number): string => `sentinel ${setting} ${PRIMARY_NAME} ${value}`;
    const lines = [
      `port ${port}`,
      ...secure,
      'bind 127.0.0.1',
      `dir ${this.#folder}`,
      `sentinel monitor ${PRIMARY_NAME} 127.0.0.1 ${portOf(primary)} ${QUORUM}`,
      ofPrimary('down-after-milliseconds', DOWN_AFTER_MS),
      ofPrimary('failover-timeout', 2_000),
      `sentinel myid ${idOf(port)}`,
      ofPrimary('known-replica', `127.0.0.1 ${portOf(this.servers[1] as RedisServer)}`),
      ...reached.flatMap((other, index) => (index === at ? [] : [ofPrimary('known-sentinel', `127.0.0.1 ${other} ${idOf(this.ports[index] as number)}`)])),
    ];
    writeFileSync(file, `${lines.join('\n')}\n`);
    return ServerProcess.start({
      name: 'redis-server --sentinel',
      command: 'redis-server',
      args: [file, '--sentinel'],
      logFile: join(this.#folder, `${port}.log`),
      answers: () => redisAnswers(`redis://127.0.0.1:${port}`),
      readyWithinMs: READY_WITHIN_MS,
    });
  }
}

/** Forty hexadecimal digits. */
function idOf(port: number): string {
  return createHash('sha1').update(`${port}`).digest('hex');
}

/** Where it is reached by others. */
function portOf({ port, tlsPort }: RedisServer): number {
  return tlsPort ?? port;
}

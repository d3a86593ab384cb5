/** A Kafka of one's own: a local node with its own data, alone or one of a cluster (kafka-cluster.ts). */
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEAP, startBroker, writeSettings, type Broker } from './kafka-broker.ts';
import { prepareKafka, type KafkaFiles } from './kafka-files.ts';
import { onDeath } from './on-death.ts';
import { restartablePort, type ServerProcess } from './server-process.ts';

export interface KafkaOptions {
  /** True: compiles for speed under load, at the price of a slower start. Default false. */
  readonly forLoad?: boolean;
  /** Is told what takes long: a first download. Default: nobody. */
  readonly say?: (line: string) => void;
}

/** A node's place in its cluster; by default it is alone. And what is set beside. */
export type Place = Pick<Broker, 'nodeId' | 'controllerPorts' | 'listeners' | 'settings'>;

/** The first compiler alone starts soonest. */
const JVM = { quick: [...HEAP.quick, '-XX:TieredStopAtLevel=1'], forLoad: HEAP.forLoad };

/** A broker of one's own, to be stopped, killed and started again: on the same port, with the same data. */
export class KafkaServer {
  readonly port: number;
  readonly #files: KafkaFiles;
  readonly #jvm: readonly string[];
  readonly #broker: Broker;
  readonly #release: () => void;
  #process: ServerProcess | undefined;

  private constructor(files: KafkaFiles, where: Pick<Broker, 'port' | 'controllerPort'> & Place, forLoad: boolean) {
    this.port = where.port;
    this.#files = files;
    this.#jvm = JVM[forLoad ? 'forLoad' : 'quick'];
    const folder = mkdtempSync(join(tmpdir(), 'fuseboard-kafka-'));
    this.#broker = { ...where, folder };
    this.#release = onDeath(['rm', '-rf', folder]);
    cpSync(files.template, join(folder, 'data'), { recursive: true });
    if (where.nodeId !== undefined) rename(join(folder, 'data/meta.properties'), where.nodeId);
  }

  static async open(options: KafkaOptions, place: Place = {}, scram: readonly string[] = []): Promise<KafkaServer> {
    const server = await KafkaServer.make(options, await restartablePort(), place);
    try {
      if (scram.length > 0) await server.#format(scram);
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** Not started yet. */
  static async make({ forLoad = false, say }: KafkaOptions, controllerPort: number, place: Place = {}): Promise<KafkaServer> {
    return new KafkaServer(await prepareKafka(say), { port: await restartablePort(), controllerPort, ...place }, forLoad);
  }

  /** `host:port`. */
  get brokers(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Of a listener beside the plain one: `host:port`. */
  brokersOf(listener: string): string {
    const found = this.#broker.listeners?.find(({ name }) => name === listener);
    if (found === undefined) throw new Error(`this Kafka has no listener ${listener}`);
    return `127.0.0.1:${found.port}`;
  }

  /** Resolves when it answers; 6 to 14 s after a SIGKILL. */
  async start(): Promise<void> {
    this.#process ??= await startBroker({ java: this.#files.java, jvmArgs: [...this.#jvm, ...this.#files.jvmArgs], ...this.#broker });
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal);
    this.#process = undefined;
  }

  /** Stands still, its connections open, until `thaw`: a broker that has gone silent. */
  freeze(): void {
    if (this.pid !== undefined) process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    if (this.pid !== undefined) process.kill(this.pid, 'SIGCONT');
  }

  /** Anew, with these logins (`SCRAM-SHA-256=[name=…,password=…]`) from the start. */
  async #format(scram: readonly string[]): Promise<void> {
    rmSync(join(this.#broker.folder, 'data'), { recursive: true });
    await this.#files.format(writeSettings(this.#broker), scram.flatMap((login) => ['--add-scram', login]));
  }

  /** Ends it and removes its data. */
  async close(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.#broker.folder, { recursive: true, force: true });
    this.#release();
  }
}

/** The formatted folder is node 1's, and every copy of it would be the same directory to the cluster. */
function rename(metaFile: string, nodeId: number): void {
  const meta = readFileSync(metaFile, 'utf8');
  const own = { 'node.id': `${nodeId}`, 'directory.id': randomBytes(16).toString('base64url') };
  writeFileSync(metaFile, Object.entries(own).reduce((text, [name, value]) => text.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}=${value}`), meta));
}

/**
 * Starts a broker of one's own; the first one on a machine fetches Kafka.
 * @throws NoServiceError where this machine can't run one.
 */
export function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  return KafkaServer.open(options);
}

/** A Kafka of one's own: a local broker with its own data. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HEAP, startBroker } from './kafka-broker.ts';
import { prepareKafka, type KafkaFiles } from './kafka-files.ts';
import { onDeath } from './on-death.ts';
import { restartablePort, type ServerProcess } from './server-process.ts';

export interface KafkaOptions {
  /** True: compiles for speed under load, at the price of a slower start. Default false. */
  readonly forLoad?: boolean;
  /** Is told what takes long: a first download. Default: nobody. */
  readonly say?: (line: string) => void;
}

/** The first compiler alone starts soonest. */
const JVM = { quick: [...HEAP.quick, '-XX:TieredStopAtLevel=1'], forLoad: HEAP.forLoad };

/** A broker of one's own, to be stopped, killed and started again: on the same port, with the same data. */
export class KafkaServer {
  readonly port: number;
  readonly #controllerPort: number;
  readonly #files: KafkaFiles;
  readonly #jvm: readonly string[];
  readonly #folder: string;
  readonly #release: () => void;
  #process: ServerProcess | undefined;

  private constructor(files: KafkaFiles, ports: readonly [number, number], forLoad: boolean) {
    [this.port, this.#controllerPort] = ports;
    this.#files = files;
    this.#jvm = JVM[forLoad ? 'forLoad' : 'quick'];
    this.#folder = mkdtempSync(join(tmpdir(), 'fuseboard-kafka-'));
    this.#release = onDeath(['rm', '-rf', this.#folder]);
    cpSync(files.template, join(this.#folder, 'data'), { recursive: true });
  }

  static async open({ forLoad = false, say }: KafkaOptions): Promise<KafkaServer> {
    const files = await prepareKafka(say);
    const server = new KafkaServer(files, [await restartablePort(), await restartablePort()], forLoad);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** `host:port`. */
  get brokers(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Undefined while it is stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Resolves when it answers; 6 to 14 s after a SIGKILL. */
  async start(): Promise<void> {
    this.#process ??= await startBroker({
      java: this.#files.java,
      jvmArgs: [...this.#jvm, ...this.#files.jvmArgs],
      folder: this.#folder,
      port: this.port,
      controllerPort: this.#controllerPort,
    });
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#process?.stop(signal);
    this.#process = undefined;
  }

  /** Ends it and removes its data. */
  async close(): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
    this.#release();
  }
}

/**
 * Starts a broker of one's own; the first one on a machine fetches Kafka.
 * @throws NoServiceError where this machine can't run one.
 */
export function startKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  return KafkaServer.open(options);
}

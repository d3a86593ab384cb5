/** The fleet's processes on a Kafka and a Redis that are there already, with topics and keys of their own. */
import { ConsoleClient } from './console-client.ts';
import { Program, type Address } from './program.ts';

export interface FleetOptions {
  /** `HOST:PORT,…` */
  readonly kafkaBrokers: string;
  readonly redisUrl: string;
  /** Before the names of its topics and keys, so that fleets don't meet. */
  readonly prefix: string;
  /** Given to ingest. Absent: no documents. */
  readonly configDir?: string;
  /** Of the outcomes topic; default 3. */
  readonly partitions?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A proxy or an ingest with its admin address. */
export interface Member extends Program {
  readonly admin: Address;
}

export interface ProxyMember extends Member {
  readonly proxy: Address;
}

export interface ConsoleMember extends Program {
  readonly console: Address;
  readonly grpc: Address;
  readonly client: ConsoleClient;
}

const ANY_PORT = '127.0.0.1:0';

/** Starts members, and knows them all, to end them. */
export class FleetStage {
  readonly #options: FleetOptions;
  readonly #members: Program[] = [];

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Begins an ingest; waits only until it listens, not until it is ready. */
  async ingest(env: Readonly<Record<string, string>> = {}): Promise<Member> {
    const { configDir } = this.#options;
    return await this.#withAdmin(this.#begin('ingest', { ...env, ...(configDir === undefined ? {} : { FUSEBOARD_CONFIG_DIR: configDir }) }));
  }

  /** Waits until it listens. */
  async proxy(env: Readonly<Record<string, string>> = {}): Promise<ProxyMember> {
    const member = await this.#withAdmin(this.#begin('proxy', env));
    const proxy = await member.until('the proxy to listen', () => member.address('proxy'));
    return Object.assign(member, { proxy });
  }

  async console(env: Readonly<Record<string, string>> = {}): Promise<ConsoleMember> {
    const member = this.#begin('console', env);
    const [console, grpc] = await member.until('the console to listen', () => {
      const [http, other] = [member.address('console'), member.address('gRPC')];
      return http === undefined || other === undefined ? undefined : ([http, other] as const);
    });
    return Object.assign(member, { console, grpc, client: new ConsoleClient(console) });
  }

  /** Waits until all of them say that they are ready. */
  async ready(members: readonly (Member | ConsoleMember)[]): Promise<void> {
    await Promise.all(members.map((member) => member.untilReady('admin' in member ? 'admin' : 'console')));
  }

  /** SIGTERM to all; gives their exit codes. */
  async stop(): Promise<(number | null)[]> {
    return await Promise.all(this.#members.map((member) => member.stop()));
  }

  /** SIGKILL to those that are left. */
  async kill(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.kill()));
  }

  /** What all of them printed. */
  get output(): string {
    return this.#members.map(({ output }) => output).join('\n');
  }

  #begin(name: 'ingest' | 'proxy' | 'console', env: Readonly<Record<string, string>>): Program {
    const { kafkaBrokers, redisUrl, prefix, partitions = 3 } = this.#options;
    const program = new Program({
      name,
      env: {
        FUSEBOARD_KAFKA_BROKERS: kafkaBrokers,
        FUSEBOARD_REDIS_URL: redisUrl,
        FUSEBOARD_TOPIC_PREFIX: `${prefix}.`,
        FUSEBOARD_REDIS_PREFIX: `${prefix}:`,
        FUSEBOARD_PARTITIONS: `${partitions}`,
        FUSEBOARD_ADMIN_LISTEN: ANY_PORT,
        FUSEBOARD_PROXY_LISTEN: ANY_PORT,
        FUSEBOARD_CONSOLE_LISTEN: ANY_PORT,
        FUSEBOARD_GRPC_LISTEN: ANY_PORT,
        ...this.#options.env,
        ...env,
      },
    });
    this.#members.push(program);
    return program;
  }

  async #withAdmin(program: Program): Promise<Member> {
    const admin = await program.until('the process to listen', () => program.address('admin'));
    return Object.assign(program, { admin });
  }
}

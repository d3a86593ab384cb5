/** A console on an embedded store in memory, on free ports, and the two ways to make its breakers change. */
import { Metadata, credentials, loadPackageDefinition, type Client, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { openEmbedded, type Embedded } from '#drivers';
import type { Snapshot, Transition } from '#engine';
import { Health, Metrics, createLogger, readConfig, type Runtime } from '#runtime';
import { PROTO_FILES, protoDir } from '#wire';
import type { ConsoleDrivers } from '../../apps/console/src/breaker-queries.ts';
import { startConsole, type RunningConsole } from '../../apps/console/src/start-console.ts';
import { eventually } from './eventually.ts';

/** What a commit says anew; the rest is `snapshot`'s. */
export type Changes = Partial<Snapshot>[];

export interface StageOptions {
  /** Settings beside the free ports. */
  readonly env?: Readonly<Record<string, string>>;
  /** In place of the store's own feeds. */
  readonly drivers?: (embedded: Embedded) => Partial<ConsoleDrivers>;
  /** Default true: the store begins with the commit of no snapshots, so that the states are known. */
  readonly stored?: boolean;
}

export class ConsoleStage {
  readonly store: Embedded;
  readonly console: RunningConsole;
  readonly runtime: Runtime;
  readonly base: string;
  readonly #clients: Client[] = [];
  #next: number | null = null;
  #commits = 0;

  private constructor(store: Embedded, running: RunningConsole, runtime: Runtime) {
    this.store = store;
    this.console = running;
    this.runtime = runtime;
    this.base = `http://127.0.0.1:${running.httpAddress.port}`;
  }

  static async start({ env = {}, drivers, stored = true }: StageOptions = {}): Promise<ConsoleStage> {
    const store = openEmbedded({ dataDir: ':memory:' });
    const runtime = runtimeOf(env);
    const running = await startConsole({ drivers: { ...portsOf(store), ...drivers?.(store) }, runtime }).catch(async (error: unknown) => {
      await store.close();
      throw error;
    });
    const stage = new ConsoleStage(store, running, runtime);
    if (stored) await stage.commit();
    return stage;
  }

  /** Until documents and states are loaded. */
  async becomesReady(): Promise<void> {
    await eventually(async () => ((await this.get('/readyz')).ok ? true : undefined), { what: 'the console to be ready' });
  }

  /** Into the history, as ingest would. */
  async transition(...transitions: readonly Partial<Transition>[]): Promise<void> {
    await this.store.transitions.append(transitions.map(transition));
  }

  /** Of ControlService, or another one. */
  controlClient(headers: Readonly<Record<string, string>> = {}, name = 'ControlService'): BreakerTestClient {
    const client = new BreakerTestClient(this.console.grpcAddress.port, headers, name);
    this.#clients.push(client.service);
    return client;
  }

  client(headers: Readonly<Record<string, string>> = {}): BreakerTestClient {
    const client = new BreakerTestClient(this.console.grpcAddress.port, headers);
    this.#clients.push(client.service);
    return client;
  }

  get(path: string, init?: RequestInit): Promise<Response> {
    return fetch(this.base + path, init);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.console.close();
    await this.store.close();
  }

  /** As ingest would: all at once, each a version later than the commit before. */
  async commit(...changed: Changes): Promise<void> {
    const { epoch } = await this.store.states.claim(0, 'test');
    const next = (this.#next ?? 0) + 1;
    this.#commits += 1;
    const answer = await this.store.states.commit({
      partition: 0,
      group: 'test',
      epoch,
      incarnation: 1,
      commitId: `commit-${this.#commits}`,
      expected: this.#next,
      next,
      clockMs: Date.now(),
      control: -1,
      snapshots: changed.map((one) => snapshot({ next, ...one })),
      outbox: [],
      ids: [],
    });
    if (answer.kind !== 'OK') throw new Error(`the commit was answered ${answer.kind}`);
    this.#next = next;
  }
}

function portsOf({ stateFeed, documentFeed, transitions, reader, control, partitions, presence }: Embedded): ConsoleDrivers {
  return { stateFeed, documentFeed, transitions, reader, control, partitions, presence };
}

function runtimeOf(env: Readonly<Record<string, string>>): Runtime {
  const free = '127.0.0.1:0';
  const config = readConfig({ role: 'standalone', argv: [], env: { FUSEBOARD_CONSOLE_LISTEN: free, FUSEBOARD_GRPC_LISTEN: free, FUSEBOARD_LOG_LEVEL: 'silent', ...env } });
  const { instance, logLevel: level } = config;
  return {
    config,
    health: new Health(),
    logger: createLogger({ level, process: 'console', instance }),
    metrics: new Metrics({ process: 'console', version: 'test', instance, processFigures: false }),
  };
}

export function snapshot(of: Partial<Snapshot> = {}): Snapshot {
  return {
    upstream: 'a.test',
    incarnation: 1,
    next: 1,
    generation: 1,
    state: 'closed',
    admit: 1,
    sinceMs: 1_790_000_000_000,
    window: { total: 0, errors: 0, slow: 0 },
    policy: { name: 'p', namespace: 'n', version: '0123456789ab' },
    ...of,
  };
}

export function transition(of: Partial<Transition> = {}): Transition {
  return {
    upstream: 'a.test',
    incarnation: 1,
    generation: 2,
    from: 'closed',
    to: 'open',
    atMs: 1_790_000_000_000,
    reason: '10 errors of 10 calls reached errorAmountThreshold 10',
    cause: { kind: 'outcome', partition: 0, offset: 7, id: 'x/1' },
    window: { startedAtMs: 1_789_999_999_000, total: 10, errors: 10, slow: 0 },
    policy: { name: 'p', namespace: 'n', version: '0123456789ab' },
    openUntilMs: 1_790_000_015_000,
    ...of,
  };
}

/** What a message is without its types: this is how it came over the wire. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Message = any;
type Call = (request: object, metadata: Metadata, done: (error: ServiceError | null, answer: Message) => void) => void;

/** A client of one service by the .proto files, as any program would make one. */
export class BreakerTestClient {
  readonly service: Client & Readonly<Record<string, Call>> & { WatchBreakers(request: object, metadata: Metadata): ClientReadableStream<Message> };
  readonly #metadata = new Metadata();

  constructor(port: number, headers: Readonly<Record<string, string>>, name = 'BreakerService') {
    for (const [header, value] of Object.entries(headers)) this.#metadata.set(header, value);
    const definition = loadSync([...PROTO_FILES], { keepCase: true, longs: Number, enums: String, oneofs: true, includeDirs: [protoDir()] });
    const loaded = loadPackageDefinition(definition) as Message;
    this.service = new loaded.fuseboard.v1[name](`127.0.0.1:${port}`, credentials.createInsecure());
  }

  /** Rejects with the status that came. */
  call(method: string, request: object = {}): Promise<Message> {
    return new Promise((resolve, reject) => {
      const call = this.service[method] as Call;
      call.call(this.service, request, this.#metadata, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  }

  watch(request: object = {}): ClientReadableStream<Message> {
    return this.service.WatchBreakers(request, this.#metadata);
  }
}

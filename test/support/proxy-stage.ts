/**
 * A proxy of the fleet on free ports, its feeds in the test's hand: what stores tell, when they tell it, or that they
 * never do. The upstream is real and answers what the path asks for.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Drivers } from '#drivers';
import type { Document, DocumentSet, Outcome, OutcomeLog, Snapshot, StateUpdate, Stop } from '#engine';
import { Metrics, createLogger, healthOf, readConfig, type Role, type Runtime } from '#runtime';
import { readDirectory } from '#wire';
import { openTracing } from '../../apps/proxy/src/open-tracing.ts';
import { Proxy } from '../../apps/proxy/src/proxy.ts';
import { call, startUpstream, type Answered, type Cleanup } from './data-plane.ts';

export const HOST = 'shop.test';
export const META = { incarnation: 1, next: 100, clockMs: 1, control: 0, sequence: 1 };

export interface ProxyStageOptions {
  readonly role?: Role;
  /** Settings beside the free ports. */
  readonly env?: Readonly<Record<string, string>>;
  /** Read as the proxy's own directory. */
  readonly directory?: string;
}

/** Pending until the test says otherwise, as a driver's is whose store is out of reach. */
export class HandFeed<T> {
  readonly #listeners = new Set<(told: T) => void>();
  readonly #waiting: { readonly resolve: (stop: Stop) => void; readonly reject: (error: Error) => void }[] = [];
  followed = 0;

  follow = (listener: (told: T) => void): Promise<Stop> => {
    this.followed++;
    this.#listeners.add(listener);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  };

  tell(told: T): void {
    for (const listener of this.#listeners) listener(told);
    for (const { resolve } of this.#waiting.splice(0)) resolve(async () => this.#listeners.clear());
  }

  refuse(): void {
    this.#listeners.clear();
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('the store is out of reach'));
  }
}

export class ProxyStage {
  readonly documents = new HandFeed<DocumentSet>();
  readonly states = new HandFeed<StateUpdate>();
  /** Headers of the requests that the upstream got. */
  readonly heard: readonly IncomingHttpHeaders[];
  /** What was told to the log. */
  readonly told: Outcome[] = [];
  readonly lines: { readonly level: string; readonly msg: string; readonly [field: string]: unknown }[] = [];
  readonly runtime: Runtime;
  readonly target: string;
  #proxy: Proxy | undefined;
  port = 0;

  private constructor(target: string, heard: IncomingHttpHeaders[], { role = 'proxy', env = {}, directory }: ProxyStageOptions) {
    this.target = target;
    this.heard = heard;
    const config = readConfig({ role, argv: [], env: { ...SETTINGS[role], ...env, ...(directory === undefined ? {} : { FUSEBOARD_CONFIG_DIR: directory }) } });
    const { instance } = config;
    this.runtime = {
      config,
      health: healthOf(config),
      logger: createLogger({ level: config.logLevel, process: 'proxy', instance, pretty: false, destination: { write: (line) => void this.lines.push(JSON.parse(line)) } }),
      metrics: new Metrics({ process: 'proxy', version: 'test', instance, processFigures: false }),
    };
  }

  async #start(): Promise<void> {
    const outcomes: Pick<OutcomeLog, 'append'> = {
      append: async (records) => {
        this.told.push(...records);
        return records.map(() => Date.now());
      },
    };
    const drivers = { partitions: 1, outcomes, documentFeed: this.documents, stateFeed: this.states } as unknown as Drivers;
    this.#proxy = new Proxy(drivers, this.runtime, await openTracing(this.runtime));
    this.port = (await this.#proxy.start()).port;
  }

  async stop(): Promise<void> {
    await this.#proxy?.stop();
    this.#proxy = undefined;
  }

  static async start(cleanup: Cleanup, options: (target: string) => ProxyStageOptions = () => ({})): Promise<ProxyStage> {
    const heard: IncomingHttpHeaders[] = [];
    const { target } = await startUpstream(cleanup, (request, response) => {
      heard.push(request.headers);
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://upstream');
      if (pathname === '/reset') request.socket.resetAndDestroy();
      response.statusCode = Number(pathname.slice(1)) || 200;
      setTimeout(() => response.end('from the upstream'), Number(searchParams.get('after') ?? 0));
    });
    const stage = new ProxyStage(target, heard, options(target));
    await stage.#start();
    cleanup.add(() => stage.stop());
    return stage;
  }

  /** The upstream answers with this status, if it is asked; `/STATUS?after=MS` is its path, and `/reset` breaks off. */
  call(status: number, host = HOST): Promise<Answered> {
    return call(this.port, { path: `/${status}`, headers: { host } });
  }

  async statuses(calls: number, status: number): Promise<number[]> {
    const got: number[] = [];
    for (let n = 0; n < calls; n++) got.push((await this.call(status)).status);
    return got;
  }

  tellDocuments(control = 0, texts = [upstreamText(this.target), policyText()]): void {
    this.documents.tell({ control, documents: texts.flatMap(read) });
  }

  tellStates(...snapshots: Snapshot[]): void {
    this.states.tell({ partition: 0, meta: META, snapshots });
  }

  get isReady(): boolean {
    return this.runtime.health.ready().ok;
  }

  /** What it lacks, and why, by condition. */
  get missing(): Readonly<Record<string, string>> {
    const { missing = [] } = this.runtime.health.ready().body as { missing?: { name: string; reason: string }[] };
    return Object.fromEntries(missing.map(({ name, reason }) => [name, reason]));
  }

  async gauge(name: string): Promise<number | undefined> {
    const metric = await this.runtime.metrics.registry.getSingleMetric(name)?.get();
    return metric?.values[0]?.value;
  }
}

const FREE = { FUSEBOARD_PROXY_LISTEN: '127.0.0.1:0' };
const FLEET = { ...FREE, FUSEBOARD_KAFKA_BROKERS: '127.0.0.1:1', FUSEBOARD_REDIS_URL: 'redis://127.0.0.1:1' };
const SETTINGS: Readonly<Record<Role, Readonly<Record<string, string>>>> = { standalone: FREE, ingest: FLEET, proxy: FLEET, console: FLEET };

export function upstreamText(target: string, host = HOST): string {
  return `apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: shop, namespace: test }
spec: { host: ${host}, targets: ["${target}"] }
`;
}

/** Three errors in 30 s open it for 3 s. */
export function policyText(host = HOST): string {
  return `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: shop, namespace: test }
spec:
  host: ${host}
  connectionSettings:
    http:
      circuitBreaking: { statTimeWindow: 30s, errorAmountThreshold: 3, degradedTimeWindow: 3s, degradedStatusCode: 520 }
`;
}

function read(text: string): readonly Document[] {
  const [reading] = readDirectory([{ file: 'test.yaml', text }]);
  if (reading === undefined || !('documents' in reading)) throw new Error(JSON.stringify(reading));
  return reading.documents;
}

/** A directory with these files, gone after the test. */
export function directoryOf(cleanup: Cleanup, ...texts: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'fuseboard-proxy-'));
  cleanup.add(() => rmSync(directory, { recursive: true }));
  for (const [n, text] of texts.entries()) writeFileSync(join(directory, `${n}.yaml`), text);
  return directory;
}

export function snapshot(of: Partial<Snapshot> = {}): Snapshot {
  const policy = { name: 'shop', namespace: 'test', version: 'v' };
  return { upstream: HOST, incarnation: 1, next: 10, generation: 4, state: 'closed', admit: 1, sinceMs: Date.now(), window: { total: 0, errors: 0, slow: 0 }, policy, ...of };
}

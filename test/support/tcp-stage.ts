/** A TCP listener under test, with what a route in service would give it, and both its peers. */
import { connect, type Socket } from 'node:net';
import type { CallOutcome, Decision, Route, ServedCall } from '#http-proxy';
import { parseAddress } from '../../libs/http-proxy/src/address.ts';
import { Deadlines } from '../../libs/http-proxy/src/deadlines.ts';
import { completeOptions, type HttpProxyOptions } from '../../libs/http-proxy/src/options.ts';
import type { TcpService } from '../../libs/http-proxy/src/tcp/tcp-call.ts';
import { TcpListener } from '../../libs/http-proxy/src/tcp/tcp-listener.ts';
import { TcpSlots } from '../../libs/http-proxy/src/tcp/tcp-slots.ts';
import { TokenBucket } from '../../libs/http-proxy/src/upstream/rate-limit.ts';
import { Resolver } from '../../libs/http-proxy/src/upstream/resolver.ts';
import { Targets, type Target } from '../../libs/http-proxy/src/upstream/targets.ts';
import { ClientTls } from '../../libs/http-proxy/src/upstream/tls.ts';
import { ADMIT, route as routeOf, type Cleanup, type RouteWords } from './data-plane.ts';
import { eventually } from './eventually.ts';

export interface TcpWords extends RouteWords {
  /** Nobody decides about it, nor is told. */
  readonly hasNoBreaker?: true;
}

export interface TcpStage {
  readonly port: number;
  readonly listener: TcpListener;
  readonly outcomes: CallOutcome[];
  readonly calls: ServedCall[];
  readonly slots: TcpSlots;
  /** What is decided from now on. */
  decision: Decision;
  /** As a document that changed would. */
  change(words: TcpWords): void;
}

export async function startTcpStage(cleanup: Cleanup, words: TcpWords, options: Partial<HttpProxyOptions> = {}): Promise<TcpStage> {
  const outcomes: CallOutcome[] = [];
  const calls: ServedCall[] = [];
  const stage: { decision: Decision } = { decision: ADMIT };
  const settings = completeOptions({
    decide: () => stage.decision,
    report: (outcome) => outcomes.push(outcome),
    onCall: (served) => calls.push(served),
    ...options,
  });
  const deadlines = new Deadlines(settings.monotonicNow, 20);
  const slots = new TcpSlots();
  let service = serviceOf(words, slots);
  const context = { settings, deadlines, finished: () => undefined } as unknown as ConstructorParameters<typeof TcpListener>[0];
  const listener = new TcpListener(context, () => service);
  await listener.listen({ host: '127.0.0.1', port: 0 });
  cleanup.add(async () => {
    const closed = listener.isClosing ? undefined : listener.close();
    listener.destroy();
    await closed;
    await slots.empty();
    deadlines.stop();
  });
  const change = (changed: TcpWords): void => {
    service = serviceOf({ ...words, ...changed }, slots);
  };
  return Object.assign(stage, { port: listener.address.port, listener, outcomes, calls, slots, change });
}

function serviceOf({ hasNoBreaker, ...words }: TcpWords, tcpSlots: TcpSlots): TcpService {
  const { upstream, ...rest } = routeOf({ protocol: 'tcp', ...words });
  const route: Route = hasNoBreaker === true || upstream === undefined ? rest : { ...rest, upstream };
  const now = (): number => performance.now();
  const names = route.targets.map((text): Target => ({ label: text, ...(parseAddress(text) as { host: string; port: number }) }));
  const { tcp } = route.rateLimits ?? {};
  return {
    route,
    tcpSlots,
    targets: new Targets(names, { now, resolver: new Resolver({ now }), onGone: () => undefined }),
    tls: route.tls === undefined ? undefined : new ClientTls(route.tls, route.host),
    connectionBucket: tcp === undefined ? undefined : new TokenBucket(tcp, now),
  };
}

/** Results in the order in which they were told: `ok`, or the failure's word. */
export function resultsOf(stage: { readonly outcomes: readonly CallOutcome[] }): string[] {
  return stage.outcomes.map(({ result }) => (result.kind === 'failure' ? result.failure : result.kind));
}

export function answersOf(stage: { readonly calls: readonly ServedCall[] }): string[] {
  return stage.calls.map(({ answer }) => answer);
}

/** One end of a connection, which does nothing by itself but read. */
export class Peer {
  readonly socket: Socket;
  text = '';
  bytes = 0;
  hasEnded = false;
  isClosed = false;
  /** Of the error that it ended with. */
  code: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket
      .on('data', (chunk: Buffer) => {
        this.bytes += chunk.length;
        if (this.bytes < 65_536) this.text += chunk.toString('latin1');
      })
      .on('end', () => (this.hasEnded = true))
      .on('error', (error: NodeJS.ErrnoException) => (this.code = error.code))
      .on('close', () => (this.isClosed = true));
  }

  static connect(cleanup: Cleanup, port: number): Peer {
    const peer = new Peer(connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true }));
    cleanup.add(() => peer.socket.destroy());
    return peer;
  }

  async until(what: string, holds: (peer: Peer) => boolean): Promise<this> {
    await eventually(() => holds(this) || undefined, { what: `${what}; ${JSON.stringify(this.text.slice(0, 100))}, ended ${this.hasEnded}, closed ${this.isClosed} ${this.code}`, everyMs: 2 });
    return this;
  }

  async reads(text: string): Promise<this> {
    return this.until(`"${text}"`, (peer) => peer.text === text);
  }

  async ends(): Promise<this> {
    return this.until('an end', (peer) => peer.hasEnded);
  }

  async isReset(): Promise<this> {
    return this.until('a reset', (peer) => peer.code === 'ECONNRESET' && peer.isClosed);
  }
}

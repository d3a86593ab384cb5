/** A TCP listener under test, with what a route in service would give it. */
import type { Answer, CallOutcome, Decision, Route, ServedCall } from '#http-proxy';
import { parseAddress } from '../../libs/http-proxy/src/address.ts';
import { Clients } from '../../libs/http-proxy/src/clients.ts';
import { Deadlines } from '../../libs/http-proxy/src/deadlines.ts';
import { completeOptions, type HttpProxyOptions } from '../../libs/http-proxy/src/options.ts';
import type { TcpService } from '../../libs/http-proxy/src/tcp/tcp-call.ts';
import { Judge } from '../../libs/http-proxy/src/judge.ts';
import { TcpListener } from '../../libs/http-proxy/src/tcp/tcp-listener.ts';
import { TcpSlots } from '../../libs/http-proxy/src/tcp/tcp-slots.ts';
import { TokenBucket } from '../../libs/http-proxy/src/upstream/rate-limit.ts';
import { Resolver } from '../../libs/http-proxy/src/upstream/resolver.ts';
import { Targets, type Target } from '../../libs/http-proxy/src/upstream/targets.ts';
import { ClientTls } from '../../libs/http-proxy/src/upstream/tls.ts';
import { TlsFiles } from '../../libs/http-proxy/src/upstream/tls-files.ts';
import { ADMIT, route as routeOf, type Cleanup, type RouteWords } from './data-plane.ts';

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
    ...options,
  });
  const deadlines = new Deadlines(settings.monotonicNow, 20);
  const slots = new TcpSlots();
  let service = serviceOf(words, slots);
  const tell = (answer: Answer, statusCode: number, route?: Route): number => calls.push({ answer, statusCode, ...(route === undefined ? {} : { route: route.name }) });
  const context = { settings, deadlines, judge: new Judge(settings), report: settings.report, hop: () => undefined, began: () => undefined, flooded: () => undefined, answered: tell, finished: tell };
  const listener = new TcpListener(context, new Clients(settings.bounds, []), () => service);
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
    tls: route.tls === undefined ? undefined : new ClientTls(route.tls, route.host, new TlsFiles(route.tls)),
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

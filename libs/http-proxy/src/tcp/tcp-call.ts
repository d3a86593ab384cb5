/**
 * One connection of a client and the one to the upstream that serves it. Told outside: one outcome where the upstream
 * was reached out to and the client didn't spoil it (O1, O3), and how it ended, in any case.
 *
 * What the outcome is:
 * - The first byte from the upstream: it served. Likewise an upstream that closes in order, without a byte, after the
 *   client has sent something and ended (who only takes has done its work).
 * - No connection; a reset, or an end that nobody asked for, before the first byte; no byte for the idle time in spite
 *   of the client's: a failure.
 * - A client that breaks off before that, or that ends without ever having sent a byte (a port probe): none.
 */
import type { Socket } from 'node:net';
import type { ProxyContext } from '../context.ts';
import { connectErrorOf, failureOf, type ConnectError } from '../failure.ts';
import type { AdmitDecision, Answer, CallOutcome, Route, UpstreamError } from '../route.ts';
import { dial } from '../upstream/dial.ts';
import type { Target, Targets } from '../upstream/targets.ts';
import type { ClientTls } from '../upstream/tls.ts';
import type { TcpSlots } from './tcp-slots.ts';
import { resetSocket, Tunnel, type TunnelEnd } from './tunnel.ts';

/** As much of a route in service as TCP needs. */
export interface TcpService {
  readonly route: Route;
  readonly targets: Pick<Targets, 'next' | 'failed' | 'connected' | 'giveBack'>;
  readonly tls?: ClientTls | undefined;
  /** `rateLimits.tcp`; absent: no limit. */
  readonly connectionBucket?: { take(): boolean } | undefined;
  readonly tcpSlots: TcpSlots;
}

export interface TcpAdmitted {
  readonly client: Socket;
  readonly service: TcpService;
  readonly decision: AdmitDecision;
  /** It is over; both sockets are closed or about to be. */
  onOver(call: TcpCall, answer: Answer): void;
}

/** How a tunnel that has served ended. */
const WORDS = { done: 'upstream', 'a-reset': 'client-abort', destroyed: 'client-abort', 'b-reset': 'reset', idle: 'idle-timeout' } as const satisfies Record<TunnelEnd, Answer>;

/** A route that doesn't say how long its connections may be silent, ms: what Envoy's TCP proxy has. */
const IDLE_MS = 3_600_000;
/** As in upstream-connection.ts: an upstream that counts for itself has seen the close by then. */
const SETTLE_MS = 3;

export class TcpCall {
  /** As it was when the call began. */
  readonly route: Route;
  readonly #call: TcpAdmitted;
  readonly #context: ProxyContext;
  readonly #target: Target;
  readonly #upstream: Socket;
  readonly #dialledAtMs: number;
  readonly #timer: NodeJS.Timeout;
  #tunnel: Tunnel | undefined;
  /** What the client sent before the upstream was there: one read at most. */
  #early: Buffer | undefined;
  #connectedAtMs: number | undefined;
  #clientSpokeAtMs: number | undefined;
  #clientEndedAtMs: number | undefined;
  /** The outcome's word, once it is known. */
  #answer: Answer | undefined;
  #isOver = false;

  /** Takes the slot that was given to it back when the upstream's connection is closed. */
  constructor(call: TcpAdmitted, context: ProxyContext) {
    const { client, service } = call;
    this.#call = call;
    this.#context = context;
    this.route = service.route;
    this.#target = service.targets.next();
    this.#dialledAtMs = context.deadlines.now();
    const { socket, ready } = dial(this.#target, { tls: service.tls });
    this.#upstream = socket;
    this.#timer = setTimeout(() => this.#onConnectFailed('connect-timeout'), service.route.limits.connectTimeoutMs);
    this.#watchClient(client);
    this.#watchUpstream(socket, ready);
  }

  /** Cuts both sides off. */
  destroy(): void {
    if (this.#tunnel === undefined) this.#abandon('client-abort');
    else this.#tunnel.destroy();
  }

  #watchClient(client: Socket): void {
    client
      .once('data', (chunk: Buffer) => {
        this.#clientSpokeAtMs = this.#nowMs;
        if (this.#tunnel !== undefined) return;
        this.#early = chunk;
        client.pause();
      })
      .once('end', () => (this.#clientEndedAtMs = this.#nowMs))
      .on('error', () => undefined)
      .once('close', () => {
        if (this.#tunnel === undefined) this.#abandon('client-abort');
      });
  }

  #watchUpstream(socket: Socket, ready: 'connect' | 'secureConnect'): void {
    let error: ConnectError = 'reset';
    let isReached = false;
    socket
      .once('connect', () => (isReached = true))
      .once(ready, () => this.#onReady())
      .on('error', (cause) => (error = isReached ? 'tls' : connectErrorOf(cause)))
      .once('close', () => {
        if (this.#tunnel === undefined) this.#onConnectFailed(error);
        setTimeout(() => this.#call.service.tcpSlots.give(), SETTLE_MS);
      });
  }

  #onReady(): void {
    if (this.#isOver) return;
    clearTimeout(this.#timer);
    const { client, service } = this.#call;
    this.#connectedAtMs = this.#nowMs;
    service.targets.connected(this.#target);
    this.#upstream.once('data', () => this.#served(this.#clientSpokeAtMs)).once('end', () => this.#onUpstreamEnd());
    this.#tunnel = new Tunnel(client, this.#upstream, {
      deadlines: this.#context.deadlines,
      idleMs: this.route.timeouts?.idleMs ?? IDLE_MS,
      halfClosedIdleMs: this.route.timeouts?.idleMs,
      fromA: this.#early,
      onEnd: (how) => this.#onTunnelEnd(how),
    });
    this.#early = undefined;
  }

  #onConnectFailed(error: ConnectError): void {
    if (this.#isOver) return;
    if (error === 'no-sockets') {
      // Of our own making: no outcome (O3), no fault of the target's.
      this.#abandon('overflow-connections');
      return;
    }
    this.#failed(error);
    this.#finish(error);
    this.#call.service.targets.failed(this.#target);
    this.#resetBoth();
  }

  /** Before any byte: nobody asked the upstream to go, unless the client is done. */
  #onUpstreamEnd(): void {
    if (this.#clientEndedAtMs === undefined) this.#failed('reset');
    else if (this.#clientSpokeAtMs !== undefined) this.#served(this.#clientEndedAtMs);
  }

  #onTunnelEnd(how: TunnelEnd): void {
    const word = WORDS[how];
    if (word !== 'upstream' && word !== 'client-abort' && this.#isOwed(word)) this.#failed(word);
    this.#finish(this.#answer === 'upstream' ? word : (this.#answer ?? 'client-abort'));
  }

  /** Who ended without a word has asked for nothing; and while the client is still to begin, silence is nobody's fault. */
  #isOwed(error: 'reset' | 'idle-timeout'): boolean {
    return this.#clientSpokeAtMs !== undefined || (error === 'reset' && this.#clientEndedAtMs === undefined);
  }

  /** @param askedAtMs when the client had said what the upstream was waiting for: until then it wasn't slow. */
  #served(askedAtMs: number | undefined): void {
    this.#outcome('upstream', { kind: 'ok' }, askedAtMs);
  }

  #failed(error: UpstreamError): void {
    this.#outcome(error, { kind: 'failure', failure: failureOf(error) }, this.#clientSpokeAtMs);
  }

  #outcome(answer: Answer, result: CallOutcome['result'], askedAtMs: number | undefined): void {
    if (this.#answer !== undefined) return;
    this.#answer = answer;
    const { name, upstream } = this.route;
    if (upstream === undefined) return;
    const { decision } = this.#call;
    const durationMs = this.#nowMs - this.#dialledAtMs - this.#clientWaitMs(askedAtMs);
    this.#context.report({ upstream, route: name, decision, result, durationMs, target: this.#target.label, attempt: 1 });
  }

  /** From the moment when the upstream could have been asked. */
  #clientWaitMs(askedAtMs: number | undefined): number {
    if (this.#connectedAtMs === undefined || askedAtMs === undefined) return 0;
    return Math.max(0, askedAtMs - this.#connectedAtMs);
  }

  /** Before it is connected, by no fault of the upstream's. */
  #abandon(answer: Answer): void {
    if (this.#isOver) return;
    this.#finish(answer);
    this.#call.service.targets.giveBack(this.#target);
    this.#resetBoth();
  }

  #resetBoth(): void {
    resetSocket(this.#upstream);
    resetSocket(this.#call.client);
  }

  #finish(answer: Answer): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#call.onOver(this, answer);
  }

  get #nowMs(): number {
    return this.#context.deadlines.now();
  }
}

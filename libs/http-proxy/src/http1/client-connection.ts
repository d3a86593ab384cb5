/**
 * A client's HTTP/1 connection: its requests are served one after the other, in their order, however many were sent
 * ahead (pipelining). So an unsafe request never overtakes, and one client can't multiply itself. What was read ahead
 * is kept as bytes, and no more is read meanwhile.
 */
import type { Socket } from 'node:net';
import type { ProxyContext } from '../context.ts';
import type { Timed } from '../deadlines.ts';
import { textAnswer, type OwnAnswer } from '../own-answer.ts';
import { resetSocket } from '../tcp/tunnel.ts';
import { FAULT_ANSWERS, faultText, HEAD_TIMEOUT_ANSWER } from './fault-answers.ts';
import { MessageParser, type MessageFault, type MessageSink } from './message-parser.ts';
import type { MessageHead } from './message-head.ts';
import { ownText } from './own-text.ts';
import { isPreface } from './preface.ts';
import { leavesBody, readRequestHead, type HeadFault, type RequestHead } from './request-head.ts';
import type { Peer } from './request-text.ts';
import type { ClientEvents, ServedCall } from './served-call.ts';
import { areTrailers } from './trailers.ts';

/** reading: a head, or nothing yet · serving: a request · lingering: answered for the last time · gone: closed, or another's */
type Stage = 'reading' | 'serving' | 'lingering' | 'gone';

/** How long a client may take to stop sending after its last answer, ms: a reset could cost it that answer. */
const LINGER_MS = 1_000;
/** Own answers to pipelined requests leave together, up to here. */
const PENDING_CHARS_MAX = 65_536;

export class ClientConnection implements MessageSink, Timed {
  dueAtMs: number;
  readonly peer: Peer;
  readonly socket: Socket;
  readonly #context: ProxyContext;
  readonly #events: ClientEvents;
  readonly #parser: MessageParser;
  #stage: Stage = 'reading';
  #requests = 0;
  #head: RequestHead | undefined;
  #call: ServedCall | undefined;
  #isRequestWhole = false;
  #isAnswered = false;
  /** The answer being given is the last one. */
  #closes = false;
  /** Bytes of a refused request's body that are thrown away. */
  #drainLeft = 0;
  /** Read ahead of the request being served. */
  #rest: Buffer | undefined;
  /** Own answers that are not written yet. */
  #pending = '';
  #isReading = false;

  constructor(socket: Socket, peer: Peer, rest: { readonly context: ProxyContext; readonly events: ClientEvents }) {
    this.socket = socket;
    this.peer = peer;
    this.#context = rest.context;
    this.#events = rest.events;
    const { bounds, timeouts } = this.#context.settings;
    this.#parser = new MessageParser('request', this, { headBytesMax: bounds.requestHeadBytesMax, headersMax: bounds.requestHeadersMax, targetBytesMax: bounds.targetBytesMax });
    this.dueAtMs = this.#nowMs + timeouts.clientHeadMs;
    this.#context.deadlines.add(this);
    socket
      .on('data', (chunk: Buffer) => this.#onData(chunk))
      .on('drain', () => this.#call?.onDrain())
      .on('end', () => this.#onEnd())
      .on('error', () => undefined)
      .on('timeout', () => socket.destroy())
      .on('close', () => this.#onClose());
  }

  /** No request is being served or has begun to arrive. */
  get isIdle(): boolean {
    return this.#stage === 'reading' && !this.#parser.inMessage;
  }

  /** The request's head as it lies on the wire, until it is answered. */
  get rawHead(): MessageHead {
    return this.#parser.head;
  }

  /** The request's end has come in. */
  get isRequestWhole(): boolean {
    return this.#isRequestWhole;
  }

  /** Bytes are being read: what is written now goes with what they bring. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Nothing is served behind the present request. */
  get closes(): boolean {
    return this.#closes || this.#events.isClosing;
  }

  /** The request will be answered by a call. Answers before it are on their way first. */
  attach(call: ServedCall): void {
    this.#call = call;
    this.#flush();
  }

  /** The request's body is not wanted now. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    if (this.#rest === undefined && this.socket.isPaused()) this.socket.resume();
  }

  /** Ends an answer that has not begun with one of our own. @param closes also where the client would keep the connection. */
  refuse(answer: OwnAnswer, closes = false): void {
    const head = this.#head;
    this.#closes ||= closes || this.#events.isClosing || (!this.#isRequestWhole && leavesBody(head, this.#context.settings.bounds.drainBytesMax));
    this.#pending += ownText(answer, { isToHead: head?.method === 'HEAD', closes: this.#closes, nowMs: this.#context.settings.now() });
    if (this.#pending.length > PENDING_CHARS_MAX) this.#flush();
    this.answered(this.#closes);
  }

  /** The answer is complete. @param closes it said so. */
  answered(closes: boolean): void {
    this.#call = undefined;
    this.#isAnswered = true;
    this.#closes ||= closes;
    this.#drainLeft = this.#context.settings.bounds.drainBytesMax;
    if (!this.#isReading) this.#proceed();
  }

  /** The upstream broke off: the client must not take what it has for a whole answer. @param byReset a plain end would say that it is. */
  destroy(byReset = false): void {
    this.#call = undefined;
    this.#stage = 'gone';
    if (byReset) resetSocket(this.socket);
    else this.socket.destroy();
  }

  /** Another takes the socket over. @returns what was read and not used. */
  leave(): Buffer | undefined {
    this.#call = undefined;
    this.#stage = 'gone';
    this.#parser.stop();
    this.dueAtMs = Infinity;
    this.socket.removeAllListeners('data').removeAllListeners('drain').removeAllListeners('end').removeAllListeners('timeout');
    const rest = this.#rest;
    this.#rest = undefined;
    return rest;
  }

  /** The socket is watched while the client owes us reading: over it, it is closed. */
  awaitReader(isAwaited: boolean): void {
    this.socket.setTimeout(isAwaited ? this.#context.settings.timeouts.idleMs : 0);
  }

  /** Closes it in order if nothing is in the way. */
  closeIfIdle(): void {
    if (this.isIdle) this.#say('');
  }

  onDue(): void {
    if (this.#stage === 'serving' && this.#call !== undefined) this.#call.onDue();
    else if (this.#stage === 'reading' && this.#parser.inMessage) this.#farewell(HEAD_TIMEOUT_ANSWER);
    else if (this.#stage === 'reading') this.#say('');
    else this.socket.destroy();
  }

  onHead(raw: MessageHead): void {
    this.#stage = 'serving';
    this.dueAtMs = Infinity;
    this.#requests++;
    this.#isRequestWhole = false;
    this.#isAnswered = false;
    const head = readRequestHead(raw);
    if ('text' in head) {
      this.#refuseHead(head, raw);
      return;
    }
    this.#head = head;
    // A wish to upgrade that is left aside ends the connection: what follows may be meant for another protocol.
    this.#closes = !head.keepsAlive || this.#requests >= this.#context.settings.bounds.requestsPerConnectionMax || head.upgrade !== undefined;
    this.#isRequestWhole = head.body === undefined || head.body === 0;
    this.#events.serve(this, head);
  }

  onBody(chunk: Buffer): void {
    if (this.#call !== undefined) {
      this.#call.onRequestBody(chunk);
      return;
    }
    this.#drainLeft -= chunk.length;
    if (this.#drainLeft < 0) this.#closes = true;
  }

  onEnd(trailers: readonly string[]): void {
    if (!areTrailers(trailers)) {
      this.onFault('invalid');
      return;
    }
    const wasWhole = this.#isRequestWhole;
    this.#isRequestWhole = true;
    if (!wasWhole) this.#call?.onRequestEnd(trailers);
  }

  onFault(fault: MessageFault): void {
    const answer = FAULT_ANSWERS[fault];
    if (this.#stage === 'reading') {
      this.#farewell(answer);
      return;
    }
    // The body of the request that is being served, or was refused.
    const call = this.#call;
    this.#call = undefined;
    this.#isRequestWhole = true;
    this.#closes = true;
    if (this.#isAnswered) return;
    if (call?.onClientFault(answer.statusCode) === true) this.#say(faultText(answer, this.#context.settings.now()));
    else this.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#stage === 'lingering' || this.#stage === 'gone') return;
    if (this.#stage === 'serving' && this.#isRequestWhole) {
      this.#keep(chunk);
      return;
    }
    if (this.#stage === 'reading' && !this.#parser.inMessage) {
      if (this.#requests === 0) {
        this.#readFirst(chunk);
        return;
      }
      this.dueAtMs = Infinity;
    }
    this.#read(chunk);
  }

  /** The very first bytes: whose they are may take some of them to see. */
  #readFirst(chunk: Buffer): void {
    const first = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    const preface = isPreface(first);
    if (preface === 'maybe') {
      this.#rest = first;
    } else if (preface === 'yes') {
      this.leave();
      this.#events.onHttp2(this, first);
    } else {
      this.dueAtMs = Infinity;
      this.#read(first);
    }
  }

  /** Reads requests for as long as they are answered at once. */
  #read(chunk: Buffer): void {
    this.#isReading = true;
    let at = 0;
    while (at < chunk.length && this.#stage !== 'lingering' && this.#stage !== 'gone') {
      at = this.#parser.read(chunk, at);
      // The last one, and one whose answer isn't out yet, are `#proceed`'s.
      const isOver = this.#isRequestWhole && this.#isAnswered && !this.#closes;
      if (!isOver || at === chunk.length || this.socket.writableLength > 0) break;
      this.#beginNext();
    }
    this.#isReading = false;
    // What comes behind a request that is being served waits; behind the last one it is nobody's, or of the protocol wished for.
    if (at < chunk.length && this.#stage === 'serving' && (!this.#closes || this.#head?.upgrade !== undefined)) this.#keep(chunk.subarray(at));
    this.#call?.onRead();
    this.#flush();
    if (this.#isAnswered) this.#proceed();
    if (this.#stage === 'reading') this.#setDue();
  }

  /** Once for each head, however slowly it comes. */
  #setDue(): void {
    if (this.dueAtMs !== Infinity) return;
    const { clientHeadMs, clientKeepAliveMs } = this.#context.settings.timeouts;
    this.dueAtMs = this.#nowMs + (this.#parser.inMessage ? clientHeadMs : clientKeepAliveMs);
  }

  #beginNext(): void {
    this.#stage = 'reading';
    this.dueAtMs = Infinity;
    this.#isRequestWhole = false;
    this.#isAnswered = false;
    this.#head = undefined;
    this.#parser.begin();
  }

  /** The present request is answered: the next one may begin, or the connection ends. */
  #proceed(): void {
    if (this.#stage !== 'serving') return;
    this.#flush();
    if (this.#closes) {
      this.#say('');
      return;
    }
    if (!this.#isRequestWhole) {
      // What is left of a refused request's body is read and thrown away.
      this.dueAtMs = this.#nowMs + LINGER_MS;
      this.socket.resume();
      return;
    }
    if (this.socket.writableLength > 0) this.#afterFlush();
    else this.#next();
  }

  /** An answer must have the socket to itself to be broken off, so the one before has to be out. */
  #afterFlush(): void {
    this.awaitReader(true);
    this.socket.write('', (error) => {
      if (this.#stage !== 'serving' || (error !== null && error !== undefined)) return;
      this.awaitReader(false);
      this.#next();
    });
  }

  #next(): void {
    this.#beginNext();
    const rest = this.#rest;
    this.#rest = undefined;
    if (this.socket.isPaused()) this.socket.resume();
    if (rest === undefined) this.#setDue();
    else this.#read(rest);
  }

  #keep(chunk: Buffer): void {
    this.#rest = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.socket.pause();
  }

  #flush(): void {
    if (this.#pending === '') return;
    const text = this.#pending;
    this.#pending = '';
    this.socket.write(text, 'latin1');
  }

  #refuseHead({ statusCode, text }: HeadFault, raw: MessageHead): void {
    this.#head = undefined;
    this.#isRequestWhole = true;
    this.#parser.stop();
    this.#events.onUnreadable(statusCode);
    const isToHead = raw.text.startsWith('HEAD ');
    this.#pending += ownText(textAnswer(statusCode, `${text}\n`), { isToHead, closes: true, nowMs: this.#context.settings.now() });
    this.answered(true);
  }

  /** What came is no request: this is said, and the connection ends. */
  #farewell(answer: OwnAnswer): void {
    this.#events.onUnreadable(answer.statusCode);
    this.#say(faultText(answer, this.#context.settings.now()));
  }

  /** The last words. What the client goes on sending is read and dropped for a moment. */
  #say(text: string): void {
    this.#stage = 'lingering';
    this.#parser.stop();
    this.#rest = undefined;
    this.#flush();
    this.socket.end(text, 'latin1');
    if (this.socket.writableLength === 0) {
      this.#linger();
      return;
    }
    // A client that still reads is given its time; what it goes on sending must not earn it more.
    this.socket.pause();
    this.dueAtMs = Infinity;
    this.awaitReader(true);
    this.socket.once('finish', () => {
      this.awaitReader(false);
      this.#linger();
    });
  }

  #linger(): void {
    this.dueAtMs = this.#nowMs + LINGER_MS;
    this.socket.resume();
  }

  /** A client that ends its side is gone: its answer would find nobody. */
  #onEnd(): void {
    if (this.#stage === 'reading' || this.#stage === 'lingering') this.socket.end();
    else this.socket.destroy();
  }

  #onClose(): void {
    const call = this.#call;
    this.#call = undefined;
    this.#stage = 'gone';
    this.#rest = undefined;
    this.#context.deadlines.delete(this);
    this.#parser.free();
    call?.onClientGone();
    this.#events.onClosed(this);
  }

  get #nowMs(): number {
    return this.#context.deadlines.now();
  }
}

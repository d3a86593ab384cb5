/**
 * Bytes both ways between two sockets that are connected. What it promises:
 *
 * - Half-close is kept: one side's FIN is passed on, the other direction goes on.
 * - Memory is flat: a side that doesn't take its bytes stops the reading of the other, and of nobody else.
 * - A side that breaks off breaks the other off too, by a reset: nobody takes what it has for the whole.
 *
 * While a side isn't read its reset goes unnoticed, until its bytes are wanted again or the idle time is over.
 */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Deadlines, Timed } from '../deadlines.ts';

/** Both sides ended in order; or who broke off; or no byte passed for `idleMs`; or `destroy` was called. */
export type TunnelEnd = 'done' | 'a-reset' | 'b-reset' | 'idle' | 'destroyed';

export interface TunnelOptions {
  readonly deadlines: Deadlines;
  /** Without a byte in either direction, ms; then both sides are reset. Absent: never. */
  readonly idleMs?: number;
  /** The same once one side has ended; default 300,000. */
  readonly halfClosedIdleMs?: number | undefined;
  /** Bytes that were read from `a` before: they go to `b` first. */
  readonly fromA?: Buffer | undefined;
  /** The same the other way. */
  readonly fromB?: Buffer | undefined;
  /** Called once, when both sockets are closed; never before the constructor returns. */
  onEnd(how: TunnelEnd): void;
}

/**
 * A side that is wholly gone looks like one that only ended, until something is written to it: beside another that says
 * nothing more the two would stay.
 */
const HALF_CLOSED_IDLE_MS = 300_000;
/** Silence after which the kernel asks a peer whether it is still there. */
const KEEP_ALIVE_MS = 60_000;

export class Tunnel implements Timed, DirectionEvents {
  dueAtMs = Infinity;
  readonly #a: Socket;
  readonly #b: Socket;
  readonly #fromA: Direction;
  readonly #fromB: Direction;
  readonly #options: TunnelOptions;
  #idleMs: number;
  #open = 2;
  #how: TunnelEnd = 'done';

  /** From here on both sockets, made with `allowHalfOpen`, are read, written and closed by the tunnel alone. */
  constructor(a: Socket, b: Socket, options: TunnelOptions) {
    this.#a = a;
    this.#b = b;
    this.#options = options;
    this.#idleMs = options.idleMs ?? Infinity;
    this.onMove();
    options.deadlines.add(this);
    this.#fromA = new Direction(a, b, this);
    this.#fromB = new Direction(b, a, this);
    this.#watch(a, 'a-reset');
    this.#watch(b, 'b-reset');
    this.#fromA.start(options.fromA);
    this.#fromB.start(options.fromB);
  }

  /** Passed on so far, `fromA` included. */
  get bytesFromA(): number {
    return this.#fromA.bytes;
  }

  get bytesFromB(): number {
    return this.#fromB.bytes;
  }

  /** Resets both sides. */
  destroy(): void {
    this.#breakOff('destroyed');
  }

  onDue(): void {
    this.#breakOff('idle');
  }

  /** Some bytes came or went. */
  onMove(): void {
    this.dueAtMs = this.#options.deadlines.now() + this.#idleMs;
  }

  /** One side sends no more. */
  onHalfClosed(): void {
    this.#idleMs = Math.min(this.#idleMs, this.#options.halfClosedIdleMs ?? HALF_CLOSED_IDLE_MS);
    this.onMove();
  }

  #watch(socket: Socket, reset: TunnelEnd): void {
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    // What an error means is told by the close that follows it.
    socket.on('error', () => undefined);
    if (socket.closed) process.nextTick(() => this.#onClose(socket, reset));
    else socket.once('close', () => this.#onClose(socket, reset));
  }

  #onClose(socket: Socket, reset: TunnelEnd): void {
    this.#open--;
    if (!socket.readableEnded || !socket.writableFinished) this.#breakOff(reset);
    if (this.#open > 0) return;
    this.#options.deadlines.delete(this);
    this.#options.onEnd(this.#how);
  }

  #breakOff(how: TunnelEnd): void {
    if (this.#how !== 'done' || this.#open === 0) return;
    this.#how = how;
    this.dueAtMs = Infinity;
    resetSocket(this.#a);
    resetSocket(this.#b);
  }
}

interface DirectionEvents {
  onMove(): void;
  onHalfClosed(): void;
}

/** Bytes one way. */
class Direction {
  bytes = 0;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #events: DirectionEvents;

  constructor(from: Socket, to: Socket, events: DirectionEvents) {
    this.#from = from;
    this.#to = to;
    this.#events = events;
  }

  start(first: Buffer | undefined): void {
    this.#to.on('drain', () => {
      this.#events.onMove();
      this.#from.resume();
    });
    if (first !== undefined) this.#pass(first);
    if (this.#from.readableEnded) this.#end();
    else this.#from.on('data', (chunk: Buffer) => this.#pass(chunk)).once('end', () => this.#end());
    if (!this.#isBlocked) this.#from.resume();
  }

  /** What the socket took at once isn't waited for, whatever `write` says. */
  get #isBlocked(): boolean {
    return this.#to.writableNeedDrain && this.#to.writableLength > 0;
  }

  #end(): void {
    this.#events.onHalfClosed();
    this.#to.end();
  }

  #pass(chunk: Buffer): void {
    this.bytes += chunk.length;
    this.#events.onMove();
    this.#to.write(chunk);
    if (this.#isBlocked) this.#from.pause();
  }
}

/**
 * Breaks a connection off so that its peer knows: by a RST, or in TLS by an end without its farewell (RFC 8446 6.1).
 * What was written and hasn't left yet is dropped.
 */
export function resetSocket(socket: Socket): void {
  // While it connects, `resetAndDestroy` would wait for that.
  if (socket.destroyed || socket.connecting || socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

/**
 * The connections of one route, and the calls that want one. The limits are exact: a connection counts from the
 * moment it is dialled until the upstream has closed it too, and at every moment
 *
 *   connections <= maxConnections, in flight <= maxRequests, pending <= maxPendingRequests
 *
 * where a call is in flight once it has a connection or one is being opened for it, and pending otherwise. A limit
 * that is lowered later is reached as calls end; none is cut off for it.
 */
import type { ConnectError } from '../failure.ts';
import type { Limits, Overflow } from '../route.ts';
import type { ConnectionOwner, Phase } from '../upstream-connection.ts';
import type { Target, Targets } from './targets.ts';

/** As much of a connection as the pool has to know. */
export interface Pooled {
  readonly target: Target;
  /** When it was begun, monotonic ms. */
  readonly startedAtMs: number;
  readonly phase: Phase;
  /** While it is idle: from then on it may not be used, monotonic ms. Known before the owner is told that it is idle. */
  readonly dueAtMs: number;
  readonly requests: number;
  isLast: boolean;
  retire(): void;
  destroy(): void;
}

/** A call that wants a connection. */
export interface Waiter<C> {
  /** When it began to want one, monotonic ms. */
  readonly askedAtMs: number;
  /**
   * It begins on the connection at once.
   * @param reachedAtMs when the call reached out: now, or when the connection was begun for it.
   */
  onConnection(connection: C, reachedAtMs: number): void;
  onNoConnection(error: ConnectError, target: Target, reachedAtMs: number): void;
}

export interface PoolSettings<C> {
  /** Begins a connection; what becomes of it is told to the owner, never before this returns. */
  readonly open: (target: Target, owner: ConnectionOwner<C>, connectTimeoutMs: number) => C;
  /** Monotonic, ms. */
  readonly now: () => number;
}

/** As much of Targets as the pool has to know. */
export type PoolTargets = Pick<Targets, 'next' | 'giveBack' | 'connected' | 'failed' | 'has'>;

export class Pool<C extends Pooled> implements ConnectionOwner<C> {
  readonly #settings: PoolSettings<C>;
  #limits: Limits;
  readonly #targets: PoolTargets;
  /** By the target's label; bounded by the targets there are. */
  readonly #idleOf = new Map<string, C[]>();
  readonly #connections = new Set<C>();
  /** In the order in which they asked; bounded by maxPendingRequests, and by the client connections there are. */
  readonly #waiters = new Set<Waiter<C>>();
  #connecting = 0;
  #busy = 0;
  #idle = 0;
  /** The last idle one of no target is due before this, monotonic ms: until then nobody needs to look. */
  #dueFromMs = Infinity;
  #isRetired = false;
  readonly #whenEmpty: (() => void)[] = [];

  constructor(targets: PoolTargets, limits: Limits, settings: PoolSettings<C>) {
    this.#targets = targets;
    this.#limits = limits;
    this.#settings = settings;
  }

  get connections(): number {
    return this.#connections.size;
  }

  get inFlight(): number {
    return this.#busy + Math.min(this.#connecting, this.#waiters.size);
  }

  get pending(): number {
    return Math.max(0, this.#waiters.size - this.#connecting);
  }

  /** New limits, from now on. */
  update(limits: Limits): void {
    this.#limits = limits;
    this.#pump();
  }

  /** A target that is no longer one: its idle connections are closed, the others after their call. */
  forget(target: Target): void {
    const idle = this.#idleOf.get(target.label) ?? [];
    this.#idleOf.delete(target.label);
    this.#idle -= idle.length;
    for (const connection of idle) connection.retire();
  }

  /** Gives the waiter a connection, now or later, or says which limit forbids it. */
  acquire(waiter: Waiter<C>): Overflow | 'accepted' {
    const nowMs = this.#settings.now();
    this.#retireOverdue(nowMs);
    // Opened for a call that has left meanwhile.
    const isSpareComing = this.#connecting > this.#waiters.size;
    if (this.#idle === 0 && !isSpareComing && !this.#canOpen) {
      // With none allowed none becomes free: waiting would end in the same refusal, some time later.
      if (this.#limits.maxConnections === 0 || this.#limits.maxPendingRequests === 0) return 'overflow-connections';
      if (this.pending >= this.#limits.maxPendingRequests) return 'overflow-pending';
      this.#waiters.add(waiter);
      return 'accepted';
    }
    if (this.inFlight >= this.#limits.maxRequests) return 'overflow-requests';
    const target = this.#targets.next();
    const idle = this.#takeIdle(target, !this.#canOpen);
    if (idle === undefined) this.#waiters.add(waiter);
    if (idle === undefined && !isSpareComing) {
      this.#open(target);
      return 'accepted';
    }
    this.#targets.giveBack(target);
    if (idle !== undefined) this.#assign(idle, waiter, nowMs);
    return 'accepted';
  }

  /** The call no longer wants one. A connection that is being opened for it is kept for the next. */
  leave(waiter: Waiter<C>): void {
    this.#waiters.delete(waiter);
    this.#checkEmpty();
  }

  /** No new calls come; idle connections are closed now, the others after their call. Resolves when none is left. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    for (const connection of this.#connections) if (connection.phase === 'idle') connection.retire();
    if (this.#waiters.size === 0) for (const connection of this.#connections) if (connection.phase === 'connecting') connection.retire();
    if (this.#connections.size === 0 && this.#waiters.size === 0) return;
    await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** At once. */
  destroy(): void {
    this.#isRetired = true;
    this.#waiters.clear();
    for (const connection of this.#connections) connection.destroy();
  }

  onConnected(connection: C): void {
    this.#connecting--;
    this.#targets.connected(connection.target);
    this.#offer(connection, true);
  }

  onConnectFailed(connection: C, error: ConnectError): void {
    // Of our own machine: no fault of the target's.
    if (error === 'no-sockets') this.#targets.giveBack(connection.target);
    else this.#targets.failed(connection.target);
    const waiter = this.#firstWaiter();
    // Nobody is left without one: the others that are being opened are enough.
    if (waiter === undefined || this.#waiters.size <= this.#connecting) return;
    this.#waiters.delete(waiter);
    waiter.onNoConnection(error, connection.target, Math.max(waiter.askedAtMs, connection.startedAtMs));
  }

  onFree(connection: C): void {
    this.#busy--;
    this.#offer(connection, false);
  }

  onUnusable(connection: C, before: Phase): void {
    if (before === 'connecting') this.#connecting--;
    else if (before === 'busy') this.#busy--;
    else if (before === 'idle') this.#forgetIdle(connection);
  }

  onClosed(connection: C): void {
    this.#connections.delete(connection);
    this.#pump();
    this.#checkEmpty();
  }

  get #canOpen(): boolean {
    return this.#connections.size < this.#limits.maxConnections;
  }

  /** A connection that can serve: to the call that has waited longest, else it rests. */
  #offer(connection: C, isNew: boolean): void {
    const waiter = this.#firstWaiter();
    // One too many since the limit was lowered; those that are leaving already don't count.
    const isSurplus = this.#connecting + this.#busy + this.#idle >= this.#limits.maxConnections;
    if (!this.#targets.has(connection.target) || isSurplus || (this.#isRetired && waiter === undefined)) {
      connection.retire();
      return;
    }
    if (waiter !== undefined && this.#busy < this.#limits.maxRequests) {
      this.#waiters.delete(waiter);
      this.#assign(connection, waiter, isNew ? Math.max(waiter.askedAtMs, connection.startedAtMs) : this.#settings.now());
      return;
    }
    this.#rest(connection);
  }

  /** Serves those who wait as far as connections and limits allow. */
  #pump(): void {
    while (this.#waiters.size > 0) {
      const nowMs = this.#settings.now();
      this.#retireOverdue(nowMs);
      if (this.#idle > 0 && this.#busy < this.#limits.maxRequests) {
        const waiter = this.#firstWaiter() as Waiter<C>;
        const target = this.#targets.next();
        const idle = this.#takeIdle(target, true) as C;
        this.#targets.giveBack(target);
        this.#waiters.delete(waiter);
        this.#assign(idle, waiter, nowMs);
      } else if (this.pending > 0 && this.#canOpen && this.inFlight < this.#limits.maxRequests) {
        this.#open(this.#targets.next());
      } else {
        return;
      }
    }
  }

  #assign(connection: C, waiter: Waiter<C>, reachedAtMs: number): void {
    this.#busy++;
    connection.isLast = this.#isRetired || connection.requests + 1 >= this.#limits.maxRequestsPerConnection;
    waiter.onConnection(connection, reachedAtMs);
  }

  #open(target: Target): void {
    this.#connecting++;
    this.#connections.add(this.#settings.open(target, this, this.#limits.connectTimeoutMs));
  }

  #firstWaiter(): Waiter<C> | undefined {
    for (const waiter of this.#waiters) return waiter;
    return undefined;
  }

  #rest(connection: C): void {
    this.#idle++;
    const { label } = connection.target;
    const idle = this.#idleOf.get(label);
    if (idle === undefined) this.#idleOf.set(label, [connection]);
    else idle.push(connection);
    this.#noteDue(connection);
  }

  /** The target's own, else another target's if that will do. */
  #takeIdle(preferred: Target, anyTarget: boolean): C | undefined {
    let idle = this.#takeLast(this.#idleOf.get(preferred.label));
    if (idle === undefined && anyTarget) for (const others of this.#idleOf.values()) if ((idle = this.#takeLast(others)) !== undefined) break;
    return idle;
  }

  /** Who came to rest last is used first, and is due last. */
  #takeLast(idle: C[] | undefined): C | undefined {
    const last = idle?.pop();
    if (last === undefined) return undefined;
    this.#idle--;
    this.#noteDue(idle?.at(-1));
    return last;
  }

  /**
   * The sweep may be late on a busy event loop, and a request on a connection that the upstream is about to close would be
   * reset, and held against it.
   */
  #retireOverdue(nowMs: number): void {
    if (nowMs < this.#dueFromMs) return;
    for (const idle of this.#idleOf.values()) for (let last = idle.at(-1); last !== undefined && last.dueAtMs <= nowMs; last = idle.at(-1)) last.retire();
    this.#dueFromMs = Infinity;
    for (const idle of this.#idleOf.values()) this.#noteDue(idle.at(-1));
  }

  /** The last one of its target. */
  #noteDue(last: C | undefined): void {
    if (last !== undefined && last.dueAtMs < this.#dueFromMs) this.#dueFromMs = last.dueAtMs;
  }

  #forgetIdle(connection: C): void {
    const idle = this.#idleOf.get(connection.target.label) ?? [];
    const at = idle.lastIndexOf(connection);
    if (at === -1) return;
    idle.splice(at, 1);
    this.#noteDue(idle.at(-1));
    this.#idle--;
  }

  #checkEmpty(): void {
    if (this.#connections.size === 0 && this.#waiters.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}

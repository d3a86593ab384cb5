/**
 * The HTTP/2 connections of one route, and the calls that want a stream. The limits are exact: a connection counts from
 * the moment it is dialled until the upstream has closed it too, and at every moment
 *
 *   connections <= maxConnections, in flight <= maxRequests, pending <= maxPendingRequests
 *
 * where a call is in flight once it has a stream or a connection is being opened that has room for it, and pending
 * otherwise. A limit that is lowered later is reached as calls end; none is cut off for it.
 */
import type { ConnectError } from '../failure.ts';
import type { Limits, Overflow } from '../route.ts';
import type { Target } from '../upstream/targets.ts';
import { UpstreamSession, type SessionOwner, type SessionSettings } from './upstream-session.ts';

/** A call that wants a stream. */
export interface StreamWaiter {
  /** When it began to want one, monotonic ms. */
  readonly askedAtMs: number;
  /**
   * It has a place on this session until `done`.
   * @param reachedAtMs when the call reached out: now, or when the connection was begun for it.
   */
  onSession(session: UpstreamSession, reachedAtMs: number): void;
  /** The place is gone. */
  onNoSession(error: ConnectError, target: Target, reachedAtMs: number): void;
}

/** Where sessions go (Targets). */
export interface SessionTargets {
  next(): Target;
  giveBack(target: Target): void;
  connected(target: Target): void;
  failed(target: Target): void;
}

export type SessionPoolSettings = Omit<SessionSettings, 'connectTimeoutMs'>;

export class SessionPool implements SessionOwner {
  readonly #targets: SessionTargets;
  readonly #settings: SessionPoolSettings;
  #limits: Limits;
  /** In the order of opening: an earlier one is filled first, so that no more are kept than are needed. */
  readonly #sessions = new Set<UpstreamSession>();
  /** Calls whose session is being opened, in the order in which they asked. */
  readonly #opening = new Map<StreamWaiter, UpstreamSession>();
  /** Calls without a place, in the order in which they asked; bounded by maxPendingRequests and by the clients' streams. */
  readonly #pending = new Set<StreamWaiter>();
  #inFlight = 0;
  #isRetired = false;
  readonly #whenEmpty: (() => void)[] = [];

  constructor(targets: SessionTargets, limits: Limits, settings: SessionPoolSettings) {
    this.#targets = targets;
    this.#limits = limits;
    this.#settings = settings;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get pending(): number {
    return this.#pending.size;
  }

  /** New limits, from now on. */
  update(limits: Limits): void {
    this.#limits = limits;
    const taking = [...this.#sessions].filter(({ phase }) => phase === 'open');
    for (const session of taking.slice(limits.maxConnections)) session.retire();
    this.#pump();
  }

  /** A target that is no longer one: its sessions take no further calls. */
  forget(target: Target): void {
    for (const session of this.#sessions) if (session.target.label === target.label && session.phase === 'open') session.retire();
    this.#pump();
  }

  /** Gives the call a place, now or later, or says which limit forbids it. */
  acquire(waiter: StreamWaiter): Overflow | 'accepted' {
    const place = this.#findPlace();
    if (place === undefined) {
      // With none allowed none becomes free: waiting would end in the same refusal, some time later.
      if (this.#limits.maxConnections === 0 || this.#limits.maxPendingRequests === 0) return 'overflow-connections';
      if (this.pending >= this.#limits.maxPendingRequests) return 'overflow-pending';
      this.#pending.add(waiter);
      return 'accepted';
    }
    if (this.#inFlight >= this.#limits.maxRequests) {
      if (!(place instanceof UpstreamSession)) this.#targets.giveBack(place);
      return 'overflow-requests';
    }
    this.#assign(place, waiter);
    return 'accepted';
  }

  /** The call no longer wants a place, and has none yet. */
  leave(waiter: StreamWaiter): void {
    const session = this.#opening.get(waiter);
    if (session !== undefined) {
      this.#opening.delete(waiter);
      session.served--;
      this.#release(session);
    }
    this.#pending.delete(waiter);
    this.#checkEmpty();
  }

  /** The call that had a place on this session is over. */
  done(session: UpstreamSession): void {
    this.#release(session);
    this.#pump();
  }

  /** No new calls come; sessions close after their last. Resolves when none is left. */
  async retire(): Promise<void> {
    this.#isRetired = true;
    for (const session of this.#sessions) this.#closeIfDone(session);
    if (this.#sessions.size === 0 && this.#pending.size === 0) return;
    await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** At once. */
  destroy(): void {
    this.#isRetired = true;
    this.#pending.clear();
    this.#opening.clear();
    for (const session of this.#sessions) session.destroy();
  }

  onReady(session: UpstreamSession): void {
    this.#targets.connected(session.target);
    const begun: StreamWaiter[] = [];
    for (const [waiter, its] of this.#opening) if (its === session) begun.push(waiter);
    for (const waiter of begun) this.#opening.delete(waiter);
    // More were promised a stream than the upstream takes: those wait on, before those that came later.
    const surplus = begun.splice(session.streamsMax);
    session.calls -= surplus.length;
    session.served -= surplus.length;
    this.#inFlight -= surplus.length;
    this.#pendFirst(surplus);
    for (const waiter of begun) waiter.onSession(session, Math.max(waiter.askedAtMs, session.startedAtMs));
    session.onCallsChanged();
    this.#closeIfDone(session);
    this.#pump();
  }

  onFailed(session: UpstreamSession, error: ConnectError): void {
    // Of our own machine: no fault of the target's.
    if (error === 'no-sockets') this.#targets.giveBack(session.target);
    else this.#targets.failed(session.target);
    for (const [waiter, its] of this.#opening) {
      if (its !== session) continue;
      this.#opening.delete(waiter);
      this.#release(session);
      waiter.onNoSession(error, session.target, Math.max(waiter.askedAtMs, session.startedAtMs));
    }
  }

  onLeaving(_session: UpstreamSession): void {
    // Its place in the count is free when it has closed.
  }

  onRoom(): void {
    this.#pump();
  }

  onClosed(session: UpstreamSession): void {
    this.#sessions.delete(session);
    this.#pump();
    this.#checkEmpty();
  }

  /** A session with room, else the target of one that may be opened. */
  #findPlace(): UpstreamSession | Target | undefined {
    const { maxRequestsPerConnection, maxConnections } = this.#limits;
    const target = this.#targets.next();
    let other: UpstreamSession | undefined;
    for (const session of this.#sessions) {
      if (!session.hasRoom(maxRequestsPerConnection)) continue;
      if (session.target.label === target.label) {
        this.#targets.giveBack(target);
        return session;
      }
      other ??= session;
    }
    if (this.#sessions.size < maxConnections) return target;
    this.#targets.giveBack(target);
    return other;
  }

  #assign(place: UpstreamSession | Target, waiter: StreamWaiter): void {
    const session = place instanceof UpstreamSession ? place : this.#open(place);
    this.#inFlight++;
    session.calls++;
    session.served++;
    session.onCallsChanged();
    if (session.phase === 'open') waiter.onSession(session, this.#settings.deadlines.now());
    else this.#opening.set(waiter, session);
  }

  #open(target: Target): UpstreamSession {
    const session = new UpstreamSession(target, this, { ...this.#settings, connectTimeoutMs: this.#limits.connectTimeoutMs });
    this.#sessions.add(session);
    return session;
  }

  #release(session: UpstreamSession): void {
    this.#inFlight--;
    session.calls--;
    session.onCallsChanged();
    this.#closeIfDone(session);
  }

  #closeIfDone(session: UpstreamSession): void {
    if (session.calls > 0) return;
    const isUsedUp = session.served >= this.#limits.maxRequestsPerConnection;
    if (isUsedUp || (this.#isRetired && this.#pending.size === 0)) session.retire();
  }

  /** Serves those who wait as far as connections and limits allow. */
  #pump(): void {
    for (const waiter of this.#pending) {
      if (this.#inFlight >= this.#limits.maxRequests) return;
      const place = this.#findPlace();
      if (place === undefined) return;
      this.#pending.delete(waiter);
      this.#assign(place, waiter);
    }
  }

  #pendFirst(waiters: readonly StreamWaiter[]): void {
    if (waiters.length === 0) return;
    const later = [...this.#pending];
    this.#pending.clear();
    for (const waiter of [...waiters, ...later]) this.#pending.add(waiter);
  }

  #checkEmpty(): void {
    if (this.#sessions.size === 0 && this.#pending.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectError } from '../failure.ts';
import { Pool, type Pooled, type Waiter } from './pool.ts';
import { NO_LIMITS, type Limits } from '../route.ts';
import type { ConnectionOwner, Phase } from '../upstream-connection.ts';
import { Resolver } from './resolver.ts';
import { Targets, type Target } from './targets.ts';

/** A connection whose network is the test: every step of it is taken by hand. */
class Connection implements Pooled {
  readonly target: Target;
  readonly startedAtMs = 0;
  phase: Phase = 'connecting';
  dueAtMs = Infinity;
  requests = 0;
  isLast = false;
  readonly #owner: ConnectionOwner<Connection>;

  constructor(target: Target, owner: ConnectionOwner<Connection>) {
    this.target = target;
    this.#owner = owner;
  }

  connect(): void {
    this.phase = 'idle';
    this.#owner.onConnected(this);
  }

  fail(): void {
    this.#leave();
    this.phase = 'closed';
    this.#owner.onConnectFailed(this, 'refused');
    this.#owner.onClosed(this);
  }

  begin(): void {
    if (this.phase !== 'idle') throw new Error(`begun while ${this.phase}`);
    this.phase = 'busy';
    this.requests++;
  }

  answer(): void {
    if (this.isLast) {
      this.retire();
      return;
    }
    this.phase = 'idle';
    this.#owner.onFree(this);
  }

  retire(): void {
    this.#leave();
  }

  destroy(): void {
    this.#leave();
  }

  close(): void {
    this.#leave();
    this.phase = 'closed';
    this.#owner.onClosed(this);
  }

  #leave(): void {
    const before = this.phase;
    if (before === 'leaving' || before === 'closed') return;
    this.phase = 'leaving';
    this.#owner.onUnusable(this, before);
  }
}

class World {
  readonly connections: Connection[] = [];
  readonly waiting: Call[] = [];
  limits: Limits;
  nowMs = 1;
  readonly targets: Targets;
  readonly pool: Pool<Connection>;

  constructor(targets: number, limits: Partial<Limits>) {
    this.limits = { ...NO_LIMITS, ...limits };
    const now = () => this.nowMs;
    this.targets = new Targets(targetsUpTo(targets), { now, resolver: new Resolver({ now }), onGone: (target) => this.pool.forget(target) });
    this.pool = new Pool<Connection>(this.targets, this.limits, {
      open: (target, owner) => {
        const connection = new Connection(target, owner);
        this.connections.push(connection);
        return connection;
      },
      now,
    });
  }

  of(...phases: Phase[]): Connection[] {
    return this.connections.filter(({ phase }) => phases.includes(phase));
  }
}

class Call implements Waiter<Connection> {
  readonly askedAtMs = 0;
  ends = 0;
  connection: Connection | undefined;
  error: ConnectError | undefined;
  /** On a connection whose rest was over. */
  begunLate = false;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  onConnection(connection: Connection): void {
    this.#end();
    this.connection = connection;
    this.begunLate = connection.dueAtMs <= this.#world.nowMs;
    connection.begin();
  }

  onNoConnection(error: ConnectError): void {
    this.#end();
    this.error = error;
  }

  #end(): void {
    this.ends++;
    this.#world.waiting.splice(this.#world.waiting.indexOf(this), 1);
  }
}

function targetsUpTo(count: number): Target[] {
  return Array.from({ length: count }, (_, i) => ({ label: `10.0.0.${i}:80`, host: `10.0.0.${i}`, port: 80 }));
}

const limit = (most: number) => fc.oneof(fc.integer({ min: 0, max: most }), fc.constant(Infinity));
const anyLimits = fc.record({
  maxConnections: limit(4),
  maxPendingRequests: limit(3),
  maxRequests: limit(4),
  maxRequestsPerConnection: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.constant(Infinity)),
});
const anyStep = fc.record({ kind: fc.constantFrom('ask', 'ask', 'connect', 'connect', 'fail', 'answer', 'answer', 'break', 'close', 'close', 'leave'), at: fc.nat(20) });

/** Takes one step, if there is anything that it could be taken on. */
function take(world: World, step: { kind: string; at: number }, ended: Call[]): void {
  const pick = <T>(list: readonly T[]): T | undefined => list[step.at % Math.max(1, list.length)];
  switch (step.kind) {
    case 'ask': {
      const call = new Call(world);
      world.waiting.push(call);
      if (world.pool.acquire(call) === 'accepted') ended.push(call);
      else world.waiting.splice(world.waiting.indexOf(call), 1);
      break;
    }
    case 'connect':
      pick(world.of('connecting'))?.connect();
      break;
    case 'fail':
      pick(world.of('connecting'))?.fail();
      break;
    case 'answer':
      pick(world.of('busy'))?.answer();
      break;
    case 'break':
      pick(world.of('busy', 'idle'))?.close();
      break;
    case 'close':
      pick(world.of('leaving'))?.close();
      break;
    case 'leave': {
      const call = pick(world.waiting);
      if (call === undefined) return;
      world.waiting.splice(world.waiting.indexOf(call), 1);
      ended.splice(ended.indexOf(call), 1);
      world.pool.leave(call);
    }
  }
}

describe('a pool', () => {
  it('keeps every limit at every step, serves in turn, and leaves nobody behind (any order of events)', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), anyLimits, fc.array(anyStep, { maxLength: 120 }), (targets, limits, steps) => {
        const world = new World(targets, limits);
        const accepted: Call[] = [];
        for (const step of steps) {
          take(world, step, accepted);
          const alive = world.of('connecting', 'idle', 'busy', 'leaving').length;
          expect(alive).toBe(world.pool.connections);
          expect(alive).toBeLessThanOrEqual(limits.maxConnections);
          expect(world.pool.inFlight).toBe(world.of('busy').length + Math.min(world.of('connecting').length, world.waiting.length));
          expect(world.pool.inFlight).toBeLessThanOrEqual(limits.maxRequests);
          expect(world.pool.inFlight + world.pool.pending).toBe(world.of('busy').length + world.waiting.length);
          for (const { requests } of world.connections) expect(requests).toBeLessThanOrEqual(limits.maxRequestsPerConnection);
          // A call is pending only where no connection could serve it and none may be opened.
          const isLeftWaiting = world.pool.pending > 0 && world.pool.inFlight < limits.maxRequests && (world.of('idle').length > 0 || alive < limits.maxConnections);
          expect(isLeftWaiting).toBe(false);
        }
        // From here on all goes well: whoever was accepted is served or was told, once.
        for (let i = 0; i < 500 && world.waiting.length > 0; i++) {
          take(world, { kind: ['connect', 'answer', 'close'][i % 3] as string, at: 0 }, accepted);
        }
        expect(world.waiting).toEqual([]);
        for (const { ends } of accepted) expect(ends).toBeLessThanOrEqual(1);
      }),
      { numRuns: 5_000 },
    );
  });

  it('refuses what exceeds maxPendingRequests, and what exceeds maxRequests, by name', () => {
    const world = new World(1, { maxConnections: 1, maxPendingRequests: 1 });
    expect([1, 2, 3].map(() => world.pool.acquire(new Call(world)))).toEqual(['accepted', 'accepted', 'overflow-pending']);
    expect([0, Infinity].map((maxPendingRequests) => new World(1, { maxConnections: 0, maxPendingRequests }).pool.acquire(new Call(world)))).toEqual(['overflow-connections', 'overflow-connections']);
    const other = new World(1, { maxRequests: 1 });
    expect([1, 2].map(() => other.pool.acquire(new Call(other)))).toEqual(['accepted', 'overflow-requests']);
  });

  it('a connection that becomes free serves the call that a slower one is being opened for', () => {
    const world = new World(1, {});
    const [first, second] = [new Call(world), new Call(world)];
    world.pool.acquire(first);
    world.connections[0]?.connect();
    world.pool.acquire(second);
    world.connections[0]?.answer();
    expect(second.connection).toBe(world.connections[0]);
    world.connections[1]?.connect();
    expect(world.connections[1]?.phase).toBe('idle');
  });

  it('a connection whose rest is over serves no call, though no sweep has closed it yet', () => {
    const world = new World(1, { maxConnections: 2 });
    const rested = (): void => {
      world.pool.acquire(new Call(world));
      world.of('connecting')[0]?.connect();
    };
    rested();
    rested();
    const [early, late] = world.connections as [Connection, Connection];
    for (const [n, each] of [early, late].entries()) {
      each.dueAtMs = 10 * (n + 1);
      each.answer();
    }
    world.nowMs = 15;
    const [second, third, fourth] = [new Call(world), new Call(world), new Call(world)];
    world.pool.acquire(second);
    expect([second.connection, early.phase]).toEqual([late, 'idle']);
    late.answer();
    world.nowMs = 20;
    world.pool.acquire(third);
    expect([third.connection, early.phase, late.phase, world.connections.length]).toEqual([undefined, 'leaving', 'leaving', 2]);
    // They count until the upstream has closed them too.
    early.close();
    world.of('connecting')[0]?.connect();
    expect(third.connection).toBe(world.connections[2]);
    expect(world.pool.acquire(fourth)).toBe('accepted');
  });

  it('none whose rest is over is given to a call, whatever came to rest when, and whoever waits', () => {
    const step = fc.record({ does: fc.constantFrom('call', 'call', 'connect', 'connect', 'answer', 'close', 'fail', 'pass'), which: fc.nat(9), ms: fc.integer({ min: 1, max: 20 }) });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60, size: 'max' }), (targets, maxConnections, steps) => {
        const world = new World(targets, { maxConnections });
        const calls: Call[] = [];
        for (const { does, which, ms } of steps) {
          const one = (phase: Phase): Connection | undefined => world.of(phase)[which % world.of(phase).length];
          const resting = (connection: Connection | undefined): Connection | undefined => connection && Object.assign(connection, { dueAtMs: world.nowMs + ms });
          if (does === 'call') world.pool.acquire(calls[calls.push(new Call(world)) - 1] as Call);
          else if (does === 'connect') resting(one('connecting'))?.connect();
          else if (does === 'answer') resting(one('busy'))?.answer();
          else if (does === 'fail') one('connecting')?.fail();
          else if (does === 'close') (one('leaving') ?? one('idle'))?.close();
          else world.nowMs += ms;
        }
        expect(calls.filter(({ begunLate }) => begunLate)).toEqual([]);
      }),
      { numRuns: 5_000 },
    );
  });

  it('nor is one that is the next to be used only since the upstream closed the one before it', () => {
    const world = new World(2, {});
    for (let n = 0; n < 4; n++) {
      world.pool.acquire(new Call(world));
      world.of('connecting')[0]?.connect();
    }
    const [used, next, over, closed] = world.connections as [Connection, Connection, Connection, Connection];
    for (const [connection, dueAtMs] of [[used, 100], [over, 8], [next, 15], [closed, 20]] as const) Object.assign(connection, { dueAtMs }).answer();
    world.nowMs = 9;
    world.pool.acquire(new Call(world));
    expect([over, used].map(({ phase }) => phase)).toEqual(['leaving', 'busy']);
    closed.close();
    world.nowMs = 16;
    world.pool.acquire(new Call(world));
    expect(next.phase).toBe('leaving');
  });

  it('who asks looks at none but what it takes while none is due, however many targets there are', () => {
    const world = new World(100, {});
    let looks = 0;
    for (let n = 0; n < 200; n++) world.pool.acquire(new Call(world));
    for (const connection of world.connections) {
      connection.connect();
      Object.defineProperty(connection, 'dueAtMs', { get: () => (looks++, 10) });
    }
    for (const connection of world.connections) connection.answer();
    looks = 0;
    world.pool.acquire(new Call(world));
    expect(looks).toBeLessThanOrEqual(2);
  });

  it('a connection that fails is the failure of one call: the others open their own', () => {
    const world = new World(1, { maxConnections: 1 });
    const calls = [new Call(world), new Call(world)];
    for (const call of calls) world.pool.acquire(call);
    world.connections[0]?.fail();
    expect(calls.map(({ error }) => error)).toEqual(['refused', undefined]);
    world.connections[1]?.connect();
    expect(calls[1]?.connection).toBe(world.connections[1]);
  });

  it('uses its targets in turn, and drops the connections of one that is gone', () => {
    const world = new World(2, {});
    for (let i = 0; i < 4; i++) {
      world.pool.acquire(new Call(world));
      world.connections.at(-1)?.connect();
    }
    expect(world.connections.map(({ target }) => target.label)).toEqual(['10.0.0.0:80', '10.0.0.1:80', '10.0.0.0:80', '10.0.0.1:80']);
    world.connections[1]?.answer();
    world.targets.update(targetsUpTo(1));
    expect(world.connections.map(({ phase }) => phase)).toEqual(['busy', 'leaving', 'busy', 'busy']);
    world.connections[3]?.answer();
    expect(world.connections[3]?.phase).toBe('leaving');
  });

  it('avoids a target that failed, also for calls that waited when it did', () => {
    const world = new World(2, { maxConnections: 2 });
    const calls = Array.from({ length: 4 }, () => new Call(world));
    for (const call of calls) world.pool.acquire(call);
    world.connections[0]?.fail();
    expect(world.connections.map(({ target }) => target.label)).toEqual(['10.0.0.0:80', '10.0.0.1:80', '10.0.0.1:80']);
    for (const connection of world.connections.slice(1)) connection.connect();
    expect(calls.map(({ error, connection }) => error ?? connection?.target.label)).toEqual(['refused', '10.0.0.1:80', '10.0.0.1:80', undefined]);
  });

  it('that is retired is empty once its calls are over', async () => {
    const world = new World(1, { maxConnections: 1 });
    const calls = [new Call(world), new Call(world)];
    for (const call of calls) world.pool.acquire(call);
    world.connections[0]?.connect();
    let isEmpty = false;
    const retired = world.pool.retire().then(() => (isEmpty = true));
    world.connections[0]?.answer();
    expect(calls[1]?.connection).toBe(world.connections[0]);
    world.connections[0]?.answer();
    await Promise.resolve();
    expect([isEmpty, world.connections[0]?.phase]).toEqual([false, 'leaving']);
    world.connections[0]?.close();
    await retired;
    await new Pool<Connection>(world.targets, world.limits, { open: () => world.connections[0] as Connection, now: () => 0 }).retire();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Resolver } from './resolver.ts';
import { Targets, type Target } from './targets.ts';

const target = (host: string): Target => ({ label: `${host}:80`, host, port: 80 });

/** Targets whose clock and DNS are the test's. */
class World {
  nowMs = 0;
  /** What DNS says; a name that isn't there has no address. */
  readonly dns = new Map<string, readonly string[]>();
  readonly asked: string[] = [];
  readonly gone: string[] = [];
  readonly targets: Targets;

  constructor(...hosts: string[]) {
    const now = () => this.nowMs;
    const lookup = async (host: string) => {
      this.asked.push(host);
      const addresses = this.dns.get(host);
      if (addresses === undefined) throw Object.assign(new Error(host), { code: 'ENOTFOUND' });
      return addresses;
    };
    const onGone = ({ label }: Target) => this.gone.push(label);
    this.targets = new Targets(hosts.map(target), { now, resolver: new Resolver({ now, lookup }), onGone });
  }

  /** Labels of the next calls. */
  next(calls: number): string[] {
    return Array.from({ length: calls }, () => this.targets.next().label);
  }

  after(ms: number): this {
    this.nowMs += ms;
    return this;
  }

  /** What dialling the next target comes to. */
  async dialled(): Promise<{ readonly target: Target; readonly tried: readonly string[] | string }> {
    const next = this.targets.next();
    if (next.lookup === undefined) return { target: next, tried: [next.host] };
    const tried = await new Promise<readonly string[] | string>((resolve) => {
      next.lookup?.(next.host, { all: true }, (error, found) => resolve(error?.code ?? (found as { address: string }[]).map(({ address }) => address)));
    });
    return { target: next, tried };
  }

  /** A look-up that is due is done. */
  async lookedUp(): Promise<void> {
    this.targets.giveBack(this.targets.next());
    for (let i = 0; i < 10; i++) await Promise.resolve();
  }
}

describe('targets that are addresses', () => {
  it('are taken in turn', () => {
    expect(new World('10.0.0.1', '::2', '10.0.0.3').next(4)).toEqual(['10.0.0.1:80', '[::2]:80', '10.0.0.3:80', '10.0.0.1:80']);
  });

  it('that failed are left out for 1 s, then tried by one call, while the others avoid them', () => {
    const world = new World('10.0.0.1', '10.0.0.2');
    world.targets.failed(world.targets.next());
    expect(world.next(3)).toEqual(['10.0.0.2:80', '10.0.0.2:80', '10.0.0.2:80']);
    expect(world.after(999).next(2)).toEqual(['10.0.0.2:80', '10.0.0.2:80']);
    expect(world.after(1).next(3)).toEqual(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.2:80']);
    world.targets.connected(target('10.0.0.1'));
    expect(world.next(2)).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
  });

  it('that fail again and again are left out for twice as long each time, 30 s at most; one success ends it', () => {
    const world = new World('10.0.0.1', '10.0.0.2');
    const leftOutMs: number[] = [];
    const failing = target('10.0.0.1');
    for (let i = 0; i < 7; i++) {
      world.targets.failed(failing);
      const failedAtMs = world.nowMs;
      while (!world.next(2).includes(failing.label)) world.after(500);
      leftOutMs.push(world.nowMs - failedAtMs);
    }
    expect(leftOutMs).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    world.targets.connected(failing);
    world.targets.failed(failing);
    expect([999, 1].map((ms) => world.after(ms).next(2).includes(failing.label))).toEqual([false, true]);
  });

  it('that fail many calls at once are left out once: they are one failure', () => {
    const world = new World('10.0.0.1', '10.0.0.2');
    for (let i = 0; i < 50; i++) world.targets.failed(target('10.0.0.1'));
    expect(world.after(1_000).next(2)).toContain('10.0.0.1:80');
  });

  it('are due again at once where the call that was to try them needed no dial', () => {
    const world = new World('10.0.0.1', '10.0.0.2');
    world.targets.failed(target('10.0.0.1'));
    world.after(1_000);
    world.targets.next();
    world.targets.giveBack(target('10.0.0.1'));
    expect(world.next(2)).toContain('10.0.0.1:80');
  });

  it('whose trial is never heard of are tried again after 30 s', () => {
    const world = new World('10.0.0.1', '10.0.0.2');
    world.targets.failed(target('10.0.0.1'));
    expect(world.after(1_000).next(2)).toContain('10.0.0.1:80');
    expect(world.after(29_999).next(2)).not.toContain('10.0.0.1:80');
    expect(world.after(1).next(2)).toContain('10.0.0.1:80');
  });

  it('are dialled although all are left out, the one that is due soonest first, and each in its turn', () => {
    const world = new World('10.0.0.1', '10.0.0.2');
    world.targets.failed(target('10.0.0.2'));
    world.after(100);
    world.targets.failed(target('10.0.0.1'));
    expect(world.after(100).next(3)).toEqual(['10.0.0.2:80', '10.0.0.1:80', '10.0.0.2:80']);
  });

  it('of which there is one are dialled each time, however often it failed', () => {
    const world = new World('10.0.0.1');
    for (let i = 0; i < 40; i++) {
      expect(world.after(i % 2 === 0 ? 0 : 700).targets.next().label).toBe('10.0.0.1:80');
      world.targets.failed(target('10.0.0.1'));
    }
  });

  it('that are replaced keep their back-offs, and those that are gone are told', () => {
    const world = new World('10.0.0.1', '10.0.0.2');
    world.targets.failed(target('10.0.0.1'));
    world.targets.update([target('10.0.0.1'), target('10.0.0.3')]);
    expect(world.next(2)).toEqual(['10.0.0.3:80', '10.0.0.3:80']);
    expect(world.gone).toEqual(['10.0.0.2:80']);
    expect([target('10.0.0.1'), target('10.0.0.2')].map((one) => world.targets.has(one))).toEqual([true, false]);
  });

  it('are never out of the turn for longer than 30 s, and one that connects always gets the call (any order of events)', () => {
    const step = fc.record({ kind: fc.constantFrom('next', 'connected', 'failed', 'giveBack', 'wait'), at: fc.nat(2), ms: fc.nat(5_000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
        const world = new World(...hosts);
        const connects = new Set(hosts);
        for (const { kind, at, ms } of steps) {
          const host = hosts[at] as string;
          if (kind === 'wait') world.after(ms);
          else if (kind === 'next') world.targets.next();
          else world.targets[kind](target(host));
          if (kind === 'connected') connects.add(host);
          if (kind === 'failed') connects.delete(host);
        }
        for (const host of connects) expect(world.next(6)).toContain(`${host}:80`);
        for (const host of hosts) expect(world.after(30_000).next(6)).toContain(`${host}:80`);
      }),
    );
  });
});

describe('targets that are names', () => {
  it('are looked up by the first call; from then on each address has its turn', async () => {
    const world = new World('shop.test');
    world.dns.set('shop.test', ['10.0.0.2', '10.0.0.1']);
    const { target: first, tried } = await world.dialled();
    expect([tried, first.label, first.name]).toEqual([['10.0.0.2'], '10.0.0.2:80', 'shop.test']);
    expect(world.next(3)).toEqual(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.1:80']);
    expect(world.gone).toEqual([]);
  });

  it('spread the calls that wait for the same look-up', async () => {
    const world = new World('shop.test');
    world.dns.set('shop.test', ['10.0.0.1', '10.0.0.2']);
    const dialled = await Promise.all([world.dialled(), world.dialled(), world.dialled(), world.dialled()]);
    expect(dialled.map((one) => one.target.label)).toEqual(['10.0.0.1:80', '10.0.0.2:80', '10.0.0.1:80', '10.0.0.2:80']);
    expect(world.asked).toEqual(['shop.test']);
  });

  it('that have no address fail by DNS’s word, and are asked for again a second later', async () => {
    const world = new World('shop.test');
    expect((await world.dialled()).tried).toBe('ENOTFOUND');
    world.dns.set('shop.test', ['10.0.0.1']);
    expect((await world.after(999).dialled()).tried).toBe('ENOTFOUND');
    expect((await world.after(1).dialled()).tried).toEqual(['10.0.0.1']);
  });

  it('are left out while DNS fails, where others connect', async () => {
    const world = new World('shop.test', '10.0.0.9');
    const { target: unknown } = await world.dialled();
    world.targets.failed(unknown);
    expect(world.next(2)).toEqual(['10.0.0.9:80', '10.0.0.9:80']);
  });

  it('are looked up every 5 s while in use, and tell which addresses are gone', async () => {
    const world = new World('shop.test');
    world.dns.set('shop.test', ['10.0.0.1', '10.0.0.2']);
    await world.dialled();
    world.dns.set('shop.test', ['10.0.0.2', '10.0.0.3']);
    await world.after(4_999).lookedUp();
    expect([world.asked.length, world.gone]).toEqual([1, []]);
    await world.after(1).lookedUp();
    expect([world.asked.length, world.gone]).toEqual([2, ['10.0.0.1:80']]);
    expect(world.next(2).toSorted()).toEqual(['10.0.0.2:80', '10.0.0.3:80']);
  });

  it('keep their last known addresses while DNS fails', async () => {
    const world = new World('shop.test');
    world.dns.set('shop.test', ['10.0.0.1']);
    await world.dialled();
    world.dns.delete('shop.test');
    for (let i = 0; i < 5; i++) {
      await world.after(5_000).lookedUp();
      expect((await world.dialled()).tried).toEqual(['10.0.0.1']);
    }
    expect([world.asked.length, world.gone]).toEqual([6, []]);
  });

  it('that were not in use for 30 s are looked up before they are dialled, and used as they were if DNS fails', async () => {
    const world = new World('shop.test');
    world.dns.set('shop.test', ['10.0.0.1']);
    await world.dialled();
    world.dns.set('shop.test', ['10.0.0.2']);
    expect((await world.after(30_000).dialled()).tried).toEqual(['10.0.0.2']);
    world.dns.delete('shop.test');
    expect((await world.after(30_000).dialled()).tried).toEqual(['10.0.0.2']);
  });

  it('of both families fall back to the other within one dial, and the family that failed is left out', async () => {
    const world = new World('localhost');
    world.dns.set('localhost', ['::1', '127.0.0.1']);
    const { target: first, tried } = await world.dialled();
    expect(tried).toEqual(['::1', '127.0.0.1']);
    first.reached?.('127.0.0.1');
    world.targets.connected(first);
    expect([first.label, ...world.next(2)]).toEqual(['127.0.0.1:80', '127.0.0.1:80', '127.0.0.1:80']);
  });

  it('that are taken away change nothing when their answer comes', async () => {
    const world = new World('shop.test');
    world.dns.set('shop.test', ['10.0.0.1']);
    const dialled = world.dialled();
    world.targets.update([target('10.0.0.9')]);
    expect((await dialled).tried).toEqual(['10.0.0.1']);
    expect([world.targets.has(target('10.0.0.1')), world.next(1)]).toEqual([false, ['10.0.0.9:80']]);
  });
});

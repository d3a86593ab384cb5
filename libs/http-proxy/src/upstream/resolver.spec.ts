import { describe, expect, it } from 'vitest';
import { Resolver } from './resolver.ts';

/** A resolver whose look-ups end when the test says so. */
function stage() {
  const clock = { nowMs: 0 };
  const asked: { readonly host: string; readonly found: (addresses: readonly string[]) => void; readonly failed: (error: Error) => void }[] = [];
  const lookup = async (host: string) => new Promise<readonly string[]>((found, failed) => asked.push({ host, found, failed }));
  return { clock, asked, resolver: new Resolver({ now: () => clock.nowMs, lookup }) };
}

describe('a resolver', () => {
  it('looks a name up once for all who ask meanwhile and within a second of the answer', async () => {
    const { clock, asked, resolver } = stage();
    const both = Promise.all([resolver.addressesOf('a.test'), resolver.addressesOf('a.test')]);
    clock.nowMs = 60_000;
    const third = resolver.addressesOf('a.test');
    expect(asked.length).toBe(1);
    asked[0]?.found(['10.0.0.2', '10.0.0.1', '10.0.0.2']);
    expect([...(await both), await third]).toEqual(Array.from({ length: 3 }, () => ['10.0.0.2', '10.0.0.1']));
    clock.nowMs += 999;
    await resolver.addressesOf('a.test');
    expect(asked.length).toBe(1);
    clock.nowMs += 1;
    void resolver.addressesOf('a.test');
    expect(asked.length).toBe(2);
  });

  it('hands on why there is no address, also where there are none', async () => {
    const { asked, resolver } = stage();
    const unknown = resolver.addressesOf('a.test');
    asked[0]?.failed(Object.assign(new Error('unknown'), { code: 'ENOTFOUND' }));
    await expect(unknown).rejects.toMatchObject({ code: 'ENOTFOUND' });
    const empty = resolver.addressesOf('b.test');
    asked[1]?.found([]);
    await expect(empty).rejects.toMatchObject({ code: 'ENODATA' });
  });

  it('remembers 1,000 names, and forgets the one that was looked up longest ago', async () => {
    const asked: string[] = [];
    const lookup = async (host: string) => {
      asked.push(host);
      return ['10.0.0.1'];
    };
    const resolver = new Resolver({ now: () => 0, lookup });
    for (let i = 0; i <= 1_000; i++) await resolver.addressesOf(`${i}.test`);
    for (const host of ['1.test', '1000.test', '0.test']) await resolver.addressesOf(host);
    expect(asked.slice(1_001)).toEqual(['0.test']);
  });
});

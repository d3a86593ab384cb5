import { describe, expect, it } from 'vitest';
import { Secret } from '#runtime';
import { Gate } from './gate.ts';

function gate(host: string, { token, anonymousReads = false }: { token?: string; anonymousReads?: boolean } = {}): Gate {
  return new Gate({ token: token === undefined ? undefined : new Secret(token), anonymousReads }, host);
}

describe('on loopback', () => {
  it('no token is needed, even where one is configured', () => {
    for (const own of [gate('127.0.0.1'), gate('::1', { token: 't' })]) {
      expect(own.judge(undefined, 'read').admitted).toBe(true);
      expect(own.judge(undefined, 'write').admitted).toBe(true);
    }
  });
});

describe('beyond loopback', () => {
  it('the token opens reads and writes, and nothing else does', () => {
    const own = gate('0.0.0.0', { token: 'hush' });
    for (const call of ['read', 'write'] as const) {
      expect(own.judge('Bearer hush', call).admitted).toBe(true);
      expect(own.judge('bearer hush', call).admitted).toBe(true);
      expect(own.judge(undefined, call)).toEqual({ admitted: false, reason: 'a bearer token is needed (FUSEBOARD_TOKEN)' });
      expect(own.judge('Basic hush', call).admitted).toBe(false);
      expect(own.judge('Bearer hus', call)).toEqual({ admitted: false, reason: 'the bearer token is not the one that is configured' });
    }
  });

  it('FUSEBOARD_ANONYMOUS=read lets reads pass, and writes with the token alone', () => {
    const own = gate('0.0.0.0', { token: 'hush', anonymousReads: true });
    expect(own.judge(undefined, 'read').admitted).toBe(true);
    expect(own.judge(undefined, 'write').admitted).toBe(false);
    expect(own.judge('Bearer hush', 'write').admitted).toBe(true);
  });

  it('without a token nothing is ever written', () => {
    const own = gate('0.0.0.0', { anonymousReads: true });
    expect(own.judge('Bearer anything', 'read').admitted).toBe(true);
    expect(own.judge('Bearer anything', 'write')).toEqual({ admitted: false, reason: 'nothing but reads is allowed here, because no token is configured (FUSEBOARD_TOKEN)' });
  });
});

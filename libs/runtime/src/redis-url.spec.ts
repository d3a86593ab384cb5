import { describe, expect, it } from 'vitest';
import { formatRedisPlace, parseRedisUrl } from './redis-url.ts';

const at = (port: number) => ({ host: '127.0.0.1', port });

describe('a URL of Redis', () => {
  it('of one server has a port, a database and a login, or their defaults', () => {
    expect(parseRedisUrl('redis://127.0.0.1')).toEqual({ kind: 'single', isTls: false, address: at(6_379), database: 0 });
    const full = parseRedisUrl('rediss://in%40gest:p%3Aa%2Fss@[::1]:7000/3');
    expect(full).toMatchObject({ kind: 'single', isTls: true, address: { host: '::1', port: 7_000 }, database: 3, username: 'in@gest' });
    expect(full?.password?.reveal()).toBe('p:a/ss');
    expect(parseRedisUrl('redis://:secret@redis/')).toMatchObject({ address: { host: 'redis', port: 6_379 } });
    expect(parseRedisUrl('redis://:secret@redis/')).not.toHaveProperty('username');
  });

  it('of a primary behind Sentinels names it and them, each with Sentinel\'s port unless told otherwise', () => {
    expect(parseRedisUrl('redis+sentinel://127.0.0.1,127.0.0.1:7000/my-primary')).toEqual({
      kind: 'sentinel',
      isTls: false,
      addresses: [at(26_379), at(7_000)],
      primary: 'my-primary',
      database: 0,
    });
    expect(parseRedisUrl('rediss+sentinel://user:pw@s1/mymaster/2')).toMatchObject({ isTls: true, username: 'user', primary: 'mymaster', database: 2 });
  });

  it('of a Cluster names some of its nodes', () => {
    expect(parseRedisUrl('rediss+cluster://127.0.0.1:7000,127.0.0.1')).toEqual({ kind: 'cluster', isTls: true, addresses: [at(7_000), at(6_379)] });
  });

  it.each([
    'http://h',
    'redis:h:1',
    'redis://',
    'redis://h:0',
    'redis://h:70000',
    'redis://a,b',
    'redis://h/x',
    'redis://h/0/1',
    'redis://h?commandTimeout=0',
    'redis://h#x',
    'redis://%zz@h',
    'redis+cluster://h/1',
    'redis+cluster://a,,b',
    'redis+sentinel://h',
    'redis+sentinel://h/',
    'redis+sentinel://h/a b',
    'redis+other://h',
  ])('is none: %s', (text) => {
    expect(parseRedisUrl(text)).toBeUndefined();
  });

  it('is shown to people without its login', () => {
    const shown = ['redis://u:canary@h:1/2', 'redis+sentinel://u:canary@a,[::1]:2/p', 'rediss+cluster://u:canary@a:1,b:2'].map((url) => formatRedisPlace(parseRedisUrl(url) as never));
    expect(shown).toEqual(['h:1', 'p of the Sentinels a:26379, [::1]:2', 'the Cluster of a:1, b:2']);
  });
});

import { describe, expect, it } from 'vitest';
import { Router } from './router.ts';

const at = (host: string, port: number, name = `${host}:${port}`) => ({ name, host, port });

describe('a router', () => {
  it.each([
    // authority, found
    ['api.test', 'api'],
    ['API.Test', 'api'],
    ['api.test.', 'api'],
    ['api.test:8080', 'api'],
    ['API.TEST.:8080', 'api'],
    ['api.test:9000', 'api'],
    ['api.test:80', undefined],
    ['api.test:08080', undefined],
    ['xapi.test', undefined],
    ['api.test.evil', undefined],
    ['api.test:8080:8080', undefined],
    ['', undefined],
    [':8080', undefined],
    ['__proto__', undefined],
    ['constructor', undefined],
    ['[::1]', 'v6'],
    ['[::1]:80', 'v6'],
    ['::1', undefined],
  ])('finds %j as %j', (authority, name) => {
    const router = new Router([at('Api.Test', 8_080, 'api'), at('[::1]', 80, 'v6')], 9_000);
    expect(router.find(authority)?.name).toBe(name);
  });

  it.each([
    ['port 80’s', [80, 81], 'h', 'h:80'],
    ['the only one', [81], 'h', 'h:81'],
    ['the first where several ports and no 80 are there', [81, 82], 'h', 'h:81'],
    ['with the listener’s port the same as bare', [80, 81], 'h:9000', 'h:80'],
    ['but a document of that very port comes first', [80, 9_000], 'h:9000', 'h:9000'],
    ['with its own port the exact one', [80, 81], 'h:81', 'h:81'],
  ])('a bare name is %s', (...[, ports, authority, name]) => {
    const routes = ports.map((port) => at('h', port));
    expect(new Router(routes, 9_000).find(authority)?.name).toBe(name);
  });

  it.each([
    // authority, found
    ['api', 'a'],
    ['API:8080', 'a'],
    ['api:9000', 'a'],
    ['api.one', 'a'],
    ['shared', undefined],
    ['own', 'own'],
  ])('finds the alias %j as %j: one that nobody shares or has in full', (authority, name) => {
    const routes = [
      { ...at('api.one', 8_080, 'a'), alias: 'api' },
      { ...at('x.one', 80, 'x'), alias: 'shared' },
      { ...at('x.two', 80, 'y'), alias: 'shared' },
      { ...at('own.one', 80, 'z'), alias: 'own' },
      at('own', 80, 'own'),
    ];
    expect(new Router(routes, 9_000).find(authority)?.name).toBe(name);
  });

  it.each([
    ['h:18080', 'h:80'],
    ['h:18081', 'h:81'],
    ['h:81', 'h:81'],
    ['h:9000', 'h:80'],
  ])('finds a host by the port of its own listener too, unless a document has that port: %j as %j', (authority, name) => {
    const routes = [
      { ...at('h', 80), listen: '127.0.0.1:18080' },
      { ...at('h', 81), listen: '127.0.0.1:18081' },
      { ...at('i', 80), listen: '127.0.0.1:81' },
    ];
    expect(new Router(routes, 9_000).find(authority)?.name).toBe(name);
  });

  it('keeps the first of two routes for one host and port, and names the other', () => {
    const router = new Router([at('h', 80, 'first'), at('H.', 80, 'second')], undefined);
    expect(router.find('h')?.name).toBe('first');
    expect(router.collisions).toEqual([{ route: at('H.', 80, 'second'), with: at('h', 80, 'first') }]);
  });
});

import { expect, test } from 'vitest';
import { parseHostPort, qualify } from './host.ts';

test.each<[string, object]>([
  ['Fortio.Shop', { host: 'fortio.shop' }],
  ['fortio', { host: 'fortio' }],
  ['my_service:8080', { host: 'my_service', port: 8080 }],
  ['127.0.0.1:0', { host: '127.0.0.1', port: 0 }],
  ['[::1]:80', { host: '[::1]', port: 80 }],
  ['[FE80::1]', { host: '[fe80::1]' }],
])('%s is a host, maybe with a port, in lower case (L3)', (text, parsed) => {
  expect(parseHostPort(text)).toEqual(parsed);
});

test.each(['', ':80', 'a:', 'a:65536', 'a:-1', '::1', '[::1', '[nope]:80', 'a b', 'a..b', '-a', 'a-', 'http://a', 'a/b', 'bücher.de', 'a.', `${'a'.repeat(64)}.b`, `${'a.'.repeat(130)}b`])(
  '%j is none',
  (text) => {
    expect(parseHostPort(text)).toBeUndefined();
  },
);

test('a bare service name belongs to its namespace, anything else stands as it is', () => {
  expect(qualify('fortio', 'shop')).toBe('fortio.shop.svc.cluster.local');
  expect(qualify('fortio.other', 'shop')).toBe('fortio.other');
  expect(qualify('[::1]', 'shop')).toBe('[::1]');
});

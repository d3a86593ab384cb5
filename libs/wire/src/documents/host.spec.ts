import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isKeptAsWritten, parseHostPort, qualify } from './host.ts';
import { readUpstreamName } from './traffic-setting.ts';

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

test('a host is kept as it is written exactly where reading it gives the same text, but for addresses', () => {
  const isKept = (text: string): boolean => isKeptAsWritten(Buffer.from(`a.${text}.b`), 2, 2 + text.length);
  const reached = { kept: 0, other: 0 };
  const label = fc.oneof({ weight: 19, arbitrary: fc.constantFrom('a', 'b-1', '_', '0', 'x--y') }, { weight: 2, arbitrary: fc.stringMatching(/^[a-z0-9_-]{0,4}$/) }, { weight: 1, arbitrary: fc.integer({ min: 61, max: 65 }).map((length) => 'a'.repeat(length)) });
  const port = fc.oneof(fc.constant(''), fc.constantFrom(':', ':0', ':080', ':a', ':65535', ':65536', ':100000', ':8080:', ':8080 '), fc.integer({ min: 1, max: 70_000 }).map((each) => `:${each}`));
  const host = fc.oneof({ weight: 9, arbitrary: fc.array(label, { maxLength: 5 }) }, { weight: 1, arbitrary: fc.integer({ min: 125, max: 128 }).map((count) => Array.from({ length: count }, () => 'a')) }).map((labels) => labels.join('.'));
  const text = fc.oneof({ weight: 9, arbitrary: fc.tuple(host, port).map((parts) => parts.join('')) }, { weight: 1, arbitrary: fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'Z', '0', '.', ':', '-', '[', ']', '"', ' ', '\u007f') }) });
  fc.assert(
    fc.property(text, (any) => {
      const isSame = readUpstreamName(any, 'shop') === any && !any.startsWith('[');
      reached[isSame ? 'kept' : 'other']++;
      return isKept(any) === isSame;
    }),
    { numRuns: 4_000 },
  );
  expect(Math.min(reached.kept, reached.other)).toBeGreaterThan(500);
});

import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from './address.ts';

describe('an address', () => {
  it.each([
    ['127.0.0.1:80', undefined, { host: '127.0.0.1', port: 80 }],
    ['name.test:0', undefined, { host: 'name.test', port: 0 }],
    ['[::1]:8080', undefined, { host: '::1', port: 8_080 }],
    ['name.test', 81, { host: 'name.test', port: 81 }],
    ['[::1]', 81, { host: '::1', port: 81 }],
  ])('%s is read, and written again', (text, defaultPort, address) => {
    expect(parseAddress(text, defaultPort)).toEqual(address);
    expect(formatAddress(address)).toBe(defaultPort === undefined ? text : `${text}:${defaultPort}`);
  });

  it.each(['', ':80', 'h', 'h:', 'h:65536', 'h:x', '::1:80', 'http://h:80', 'h:80/', 'a b:80', 'x@h:80'])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

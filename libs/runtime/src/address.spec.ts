import { describe, expect, it } from 'vitest';
import { formatAddress, isLoopback, parseAddress } from './address.ts';

describe('an address is HOST:PORT', () => {
  it.each([
    ['127.0.0.1:8080', '127.0.0.1', 8080],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['[::1]:50051', '::1', 50051],
    ['[fe80::1]:1', 'fe80::1', 1],
    ['localhost:65535', 'localhost', 65535],
    ['kafka-1.example.org:9092', 'kafka-1.example.org', 9092],
  ])('%s is read, and written again as it was', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
    expect(formatAddress({ host, port })).toBe(text);
  });

  it.each(['8080', ':8080', '127.0.0.1', '127.0.0.1:', '127.0.0.1:65536', '127.0.0.1:-1', '::1:8080', '[127.0.0.1]:80', '999.0.0.1:80', '1.2.3:80', 'a b:80', 'http://x:80', 'x:80/', ''])(
    '"%s" is none',
    (text) => {
      expect(parseAddress(text)).toBeUndefined();
    },
  );
});

describe('loopback is what this machine alone can reach', () => {
  it.each(['127.0.0.1', '127.8.9.1', '::1', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST'])('%s is', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(['0.0.0.0', '::', '10.0.0.1', '::ffff:10.0.0.1', '128.0.0.1', 'example.org', 'localhost.example.org'])('%s is not', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

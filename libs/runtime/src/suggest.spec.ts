import { expect, it } from 'vitest';
import { suggest } from './suggest.ts';

it('the nearest name is suggested, and none where none is near', () => {
  expect(suggest('proxyListn', ['proxyListen', 'grpcListen'])).toBe('proxyListen');
  expect(suggest('PROXYLISTEN', ['proxyListen'])).toBe('proxyListen');
  expect(suggest('colour', ['proxyListen', 'grpcListen'])).toBeUndefined();
});

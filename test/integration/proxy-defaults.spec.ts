import { expect, it } from 'vitest';
import { readConfig } from '#runtime';
import { DEFAULT_BOUNDS, DEFAULT_TIMEOUTS } from '../../libs/http-proxy/src/options.ts';

it('the defaults of the proxy’s settings are its data plane’s', () => {
  const { timeouts, bounds } = readConfig({ role: 'standalone', argv: [], env: {} }).proxy;
  expect(DEFAULT_TIMEOUTS).toMatchObject(timeouts);
  expect(DEFAULT_BOUNDS).toMatchObject(bounds);
});

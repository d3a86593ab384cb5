import { expect, test } from 'vitest';
import type { TrafficSetting } from '#engine';
import { readDocument } from './document.ts';

interface Written {
  readonly name?: unknown;
  readonly namespace?: unknown;
  readonly host?: unknown;
  readonly settings?: unknown;
  readonly annotations?: unknown;
}

const SETTINGS = { http: { circuitBreaking: { errorAmountThreshold: 7, statTimeWindow: '1m' }, maxRetries: 3 } };

const written = ({ name = 'p', namespace = 'shop', host = 'a.shop', settings = SETTINGS, annotations }: Written): Record<string, unknown> => ({
  apiVersion: 'policy.openservicemesh.io/v1alpha1',
  kind: 'UpstreamTrafficSetting',
  metadata: { name, namespace, ...(annotations === undefined ? {} : { annotations }) },
  spec: { rateLimit: { local: { http: { requests: 5, unit: 'second' } } }, host, connectionSettings: settings },
});

/** Kubernetes' own fields are left aside, and make it be read whole. */
const readWhole = (of: Written) => readDocument({ ...written(of), status: {} });
const read = (of: Written): TrafficSetting => {
  const reading = readDocument(written(of));
  if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
  return reading.document as TrafficSetting;
};

test('a policy that is like another but for name and host means and says what it would have if it were read whole, its version too', () => {
  read({});
  for (const what of [{ name: 'q' }, { name: 'q', host: 'B.shop' }, { host: 'bare' }, { host: '[::1]:8080' }, { namespace: 'other', host: 'c.shop:8443' }]) {
    expect({ document: read(what), warnings: [] }).toEqual(readWhole(what));
    expect(JSON.stringify(read(what).body)).toBe(JSON.stringify({ ...written(what) }));
  }
});

test('what such policies have in common is there once', () => {
  const [a, b] = [read({ name: 'a', host: 'a.shop' }), read({ name: 'b', host: 'b.shop' })];
  expect(b.limits).toBe(a.limits);
  expect(b.rateLimits).toBe(a.rateLimits);
  const settingsOf = ({ body }: TrafficSetting): unknown => (body as { spec: Record<string, unknown> }).spec['connectionSettings'];
  expect(settingsOf(b)).toBe(settingsOf(a));
});

test('what is wrong with its name, namespace or host is found, though one like it was right', () => {
  read({});
  for (const what of [{ name: 'No' }, { name: 5 }, { namespace: 'a.b' }, { host: 'a b' }, { host: 'a.shop:0' }, { host: '"' }, { host: 7 }]) {
    const reading = readDocument(written(what));
    expect(reading).toEqual(readWhole(what));
    expect(reading).toHaveProperty('problems');
  }
});

test('one of another meaning is never taken for it', () => {
  read({});
  const others = [
    { settings: { http: { circuitBreaking: { errorAmountThreshold: 8, statTimeWindow: '1m' }, maxRetries: 3 } } },
    { settings: { ...SETTINGS, tcp: { maxConnections: 0 } } },
    { annotations: { 'fuseboard.dev/enforce': 'false' } },
    { annotations: { 'fuseboard.dev/enforced': 'false' } },
  ];
  for (const what of others) for (let time = 0; time < 2; time++) expect(readDocument(written(what))).toEqual(readWhole(what));
});

test('a number that JSON can\'t say is refused, though JSON has the same for a field that is absent', () => {
  const limited = (maxRetries: unknown): Written => ({ settings: { http: { maxRetries } } });
  read(limited(null));
  expect(readDocument(written(limited(Number.NaN)))).toHaveProperty('problems');
});

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readDocument } from './document.ts';

const CASES = 6_000;

interface Written {
  readonly name?: unknown;
  readonly namespace?: unknown;
  readonly annotations?: unknown;
  readonly spec?: object;
}

const written = ({ name = 'u', namespace = 'shop', annotations, spec }: Written): Record<string, unknown> => ({
  apiVersion: 'fuseboard.dev/v1',
  kind: 'Upstream',
  metadata: { name, namespace, ...(annotations === undefined ? {} : { annotations }) },
  spec: { host: 'a.shop', ...spec },
});
/** Kubernetes' own fields are left aside, and make it be read whole. */
const readWhole = (body: Record<string, unknown>) => readDocument({ ...body, status: {} });

/** Its fields have an order, too. */
const bodyOf = (reading: ReturnType<typeof readDocument>): unknown => 'document' in reading && reading.document.body;

/** What mostly is, and now and then what should not be. */
const mostly = (usual: readonly unknown[], odd: readonly unknown[]) => fc.oneof({ weight: 80, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) });
const host = mostly(['a.shop', 'B.shop', 'bare', '127.0.0.1', '[::1]', 'x_y.shop'], ['a b', 'a.shop:80', '', '"', 7, null, [], 'é.shop']);
const target = mostly(['127.0.0.1:9', 'Cart.shop:8080', '[::1]:1', 'bare:2'], ['a.shop', 'a:0', 'a:65536', '', 5, null, {}]);
const targets = fc.oneof({ weight: 9, arbitrary: fc.array(target, { minLength: 1, maxLength: 3 }) }, { weight: 1, arbitrary: fc.constantFrom([], null, 'a:1', {}, Array.from({ length: 101 }, () => 'a:1'), Array.from({ length: 1_001 }, () => 'a:1')) });
/** Not many different ones, or there would be no room for others' in what is remembered. */
const rest = fc.record(
  {
    port: mostly([8_080], [0, '80', null, Number.NaN]),
    protocol: mostly(['http', 'grpc'], ['tcp', 'null', 'h3', null]),
    retries: mostly([{ attempts: 2, on: ['refused', 503] }], [{ on: [] }, { on: ['response-timeout'] }, null]),
    timeouts: mostly([{ idle: '5s', response: '1m' }], [{ response: '0' }, null]),
    tls: mostly([{ ca: '/etc/ca.pem', serverName: 'A.shop' }], [{ cert: '/etc/c.pem' }, null]),
  },
  { requiredKeys: [] },
);
const listen = fc.oneof({ weight: 9, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: fc.constantFrom({ listen: '127.0.0.1:18080' }, { listen: 'a' }, { listen: null }) });
const spec = fc.tuple(fc.record({ host, targets }, { requiredKeys: ['host'] }), rest, listen, fc.nat(40)).map(([own, others, its, odd]) => Object.fromEntries(Object.entries({ ...own, ...others, ...its, ...(odd === 0 && { more: 1 }) }).toSorted(([a], [b]) => (odd % 2 === 0 ? a.length - b.length : b.length - a.length))));
const body = fc.record({ name: mostly(['u', 'v-1'], ['No', 5, '']), namespace: mostly(['shop', 'other'], ['a.b', 5, undefined, null]), spec }).map(({ name, namespace, spec: its }) => ({ ...written({ name, namespace }), spec: its }));

test('an Upstream that is like another but for name, host and targets means and says what it would have if it were read whole, its version too, and what is wrong with it is found', () => {
  const reached = { alike: 0, whole: 0, refused: 0 };
  fc.assert(
    fc.property(body, (any) => {
      const [reading, whole] = [readDocument(any), readWhole(any)];
      // Read whole it has the spec itself.
      const isWhole = (bodyOf(reading) as typeof any).spec === any.spec;
      reached['problems' in reading ? 'refused' : isWhole ? 'whole' : 'alike']++;
      return isDeepStrictEqual(reading, whole) && JSON.stringify(bodyOf(reading)) === JSON.stringify(bodyOf(whole));
    }),
    { numRuns: CASES },
  );
  for (const count of Object.values(reached)) expect(count).toBeGreaterThan(CASES / 20);
});

test('what such Upstreams have in common is there once', () => {
  const retries = { attempts: 2, on: ['refused'] };
  const [a, b] = ['a.shop', 'b.shop', 'c.shop'].map((name) => readDocument(written({ spec: { host: name, targets: [`${name}:80`], retries: structuredClone(retries) } }))).slice(1).map((reading) => 'document' in reading && (reading.document as { retries?: unknown; body: { spec: { retries: unknown } } }));
  expect([a && a.retries, a && a.body.spec.retries]).toEqual([retries, retries]);
  expect(b && b.retries).toBe(a && a.retries);
  expect(b && b.body.spec.retries).toBe(a && a.body.spec.retries);
});

test('one of another meaning is never taken for it, and one with annotations is read whole', () => {
  for (const what of [{ spec: { protocol: 'grpc' } }, { spec: { port: 81 } }, { annotations: { 'fuseboard.dev/enforce': 'false' } }, { spec: { listen: '127.0.0.1:1' } }, { spec: { listen: '127.0.0.1:2' } }]) {
    for (let time = 0; time < 2; time++) expect(readDocument(written(what))).toEqual(readWhole(written(what)));
  }
});

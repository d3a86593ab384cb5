/**
 * The published schemas of the two documents against their reader, at every bound of every field. What the reader takes
 * the schema takes; what the schema takes the reader takes too, but for what no schema can know.
 */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parseGoDuration, readDocument } from '#wire';
import { resolved, type Schema } from '../../scripts/reference/json-schema.ts';

interface Leaf {
  /** Steps to it; `[]` is the first item of a list. */
  readonly path: readonly string[];
  readonly schema: Schema;
  readonly isRequired: boolean;
}

/** Names of hosts and expressions have rules of their own, which only their reader knows. */
const READER_KNOWS_MORE = ['spec.host', 'spec.targets', 'spec.targets.[]', 'spec.listen', 'spec.tls.serverName', 'spec.httpRoutes', 'spec.httpRoutes.[].path', 'spec.rateLimit.local.http.responseHeadersToAdd', 'spec.httpRoutes.[].rateLimit.local.responseHeadersToAdd'];

const ajv = new Ajv2020({ strictTypes: false, strictRequired: false, keywords: ['x-unit', 'x-counted', 'x-absent', 'x-zero'] });
const inRange = (isWithin: (value: bigint, limit: bigint) => boolean) => (limit: string, value: unknown, schema?: Schema & { readonly 'x-zero'?: string }): boolean => {
  const ns = value === 0 ? 0n : typeof value === 'string' ? parseGoDuration(value) : undefined;
  return ns === undefined || (ns === 0n ? schema?.['x-zero'] === 'default' : isWithin(ns, parseGoDuration(limit) as bigint));
};
ajv.addKeyword({ keyword: 'x-least', validate: inRange((value, least) => value >= least) });
ajv.addKeyword({ keyword: 'x-most', validate: inRange((value, most) => value <= most) });

describe.each(['upstream-traffic-setting', 'upstream'])('%s.schema.json', (name) => {
  const schema = JSON.parse(readFileSync(new URL(`../../libs/wire/schema/${name}.schema.json`, import.meta.url), 'utf8')) as Schema;
  const find = (of: string): Schema | undefined => schema.$defs?.[of];
  const fits = ajv.compile(schema);
  const leaves = leavesOf(schema, [], find);

  test.each(leaves.map((leaf) => [leaf.path.join('.'), leaf] as const))('%s: its bounds are those of the reader', (path, leaf) => {
    const disagreed = candidates(leaf.schema, find).flatMap((value) => {
      const document = sample(schema, find);
      put(document, leaf, value);
      const [isTaken, isFitting] = [!('problems' in readDocument(document)), fits(document)];
      const excused = isFitting && READER_KNOWS_MORE.includes(path);
      return isTaken === isFitting || excused ? [] : [`${JSON.stringify(value)?.slice(0, 80)}: the schema says ${isFitting ? 'yes' : 'no'}, the reader ${isTaken ? 'yes' : 'no'}`];
    });
    expect(disagreed).toEqual([]);
  });

  test.each(leaves.filter(({ schema: { examples, default: fallback } }) => examples !== undefined || fallback !== undefined).map((leaf) => [leaf.path.join('.'), leaf] as const))('%s: its examples are taken, and its default is what absence means', (_, leaf) => {
    const [absent, filled] = [sample(schema, find), sample(schema, find)];
    put(absent, leaf, undefined);
    put(filled, leaf, leaf.schema.default);
    expect(meaningOf(filled)).toEqual(meaningOf(absent));
    for (const example of leaf.schema.examples ?? []) {
      const document = sample(schema, find);
      put(document, leaf, example);
      expect(readDocument(document)).not.toHaveProperty('problems');
    }
  });

  test('each field that must be there is missed by both', () => {
    const document = sample(schema, find);
    const missed = leaves.filter(({ isRequired }) => isRequired).filter((leaf) => {
      const without = structuredClone(document);
      put(without, leaf, undefined);
      return fits(without) || !('problems' in readDocument(without));
    });
    expect(missed.map(({ path }) => path.join('.'))).toEqual([]);
  });

  test('each object has the fields that the reader says are allowed there, and no other', () => {
    for (const leaf of leaves.filter(({ schema: own }) => first(own, find).additionalProperties === false)) {
      const document = sample(schema, find);
      put(document, leaf, { ...(sample(leaf.schema, find) as object), zz: 1 });
      const reading = readDocument(document);
      const said = 'problems' in reading ? reading.problems.flatMap(({ message }) => /^unknown field.*; allowed here: (.*)$/.exec(message)?.[1]?.split(', ') ?? []) : [];
      expect([leaf.path.join('.'), said.toSorted()]).toEqual([leaf.path.join('.'), Object.keys(first(leaf.schema, find).properties ?? {}).toSorted()]);
      expect(fits(document)).toBe(false);
    }
  });
});

test('of an Upstream what goes together, alone, is refused by both', () => {
  const schema = roots.get('Upstream') ?? {};
  const fits = ajv.compile({ ...schema, $id: 'again' });
  for (const [what, spec] of [['cert without key', { tls: { cert: '/a' } }], ['tcp without a listener', { protocol: 'tcp' }], ['tcp with retries', { protocol: 'tcp', listen: '127.0.0.1:1', retries: { on: ['refused'] } }], ['tcp with a response time', { protocol: 'tcp', listen: '127.0.0.1:1', timeouts: { response: '1s' } }]] as const) {
    const document = sample(schema, (of) => schema.$defs?.[of]) as { spec: object };
    document.spec = { ...document.spec, ...spec };
    expect([what, fits(document), 'problems' in readDocument(document)]).toEqual([what, false, true]);
  }
});

/** Every field, those of objects and lists included. */
function leavesOf(schema: Schema, path: readonly string[], find: (name: string) => Schema | undefined): Leaf[] {
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties).flatMap(([name, raw]) => {
    const own = resolved(raw, find);
    const item = own.type === 'array' ? resolved(own.items ?? {}, find) : undefined;
    const at = [...path, name];
    const below = item === undefined ? leavesOf(first(own, find), at, find) : [{ path: [...at, '[]'], schema: item, isRequired: false }, ...leavesOf(item, [...at, '[]'], find)];
    // What a cluster says of itself may be anything.
    return at.join('.') === 'status' ? [] : [{ path: at, schema: own, isRequired: required.includes(name) }, ...below];
  });
}

/** The first way to write it. */
function first(schema: Schema, find: (name: string) => Schema | undefined): Schema {
  return schema.oneOf?.[0] === undefined ? schema : resolved(schema.oneOf[0], find);
}

/** Values at its bounds and just beyond, and some that are no such thing at all. */
function candidates(schema: Schema, find: (name: string) => Schema | undefined): unknown[] {
  const { type, enum: values, minimum, maximum, minLength, maxLength, minItems, maxItems } = schema;
  const strange: unknown[] = ['nonsense', '', 7.5, true, [], { zz: 1 }, '5', -1];
  if (schema['x-least'] !== undefined) return [...strange, schema['x-least'], schema['x-most'], '0', 0, '1ns', '999ns', '577h', '576h1ms', '61m', '1h0m1s', '-1s', 'soon', '5', '1.5h'];
  const numbers = minimum === undefined || maximum === undefined ? [] : [minimum, maximum, minimum - 1, maximum + 1, minimum + 0.5];
  const texts = type !== 'string' ? [] : ['a'.repeat(maxLength ?? 10), 'a'.repeat((maxLength ?? 10) + 1), 'a'.repeat(minLength ?? 0), 'A B', 'a\nb', ...(schema.examples ?? [])];
  const item = type === 'array' ? sample(resolved(schema.items ?? {}, find), find) : undefined;
  const lists = item === undefined ? [] : [minItems ?? 1, (minItems ?? 1) - 1, maxItems ?? 5, (maxItems ?? 5) + 1].map((count) => Array.from({ length: count }, () => item));
  const alternatives = (schema.oneOf ?? []).flatMap((each) => [sample(resolved(each, find), find), ...candidates(resolved(each, find), find)]);
  return [...strange, ...(values ?? []), ...numbers, ...texts, ...lists, ...alternatives, ...(schema.const === undefined ? [] : [schema.const]), ...(schema.properties === undefined ? [] : [sample(schema, find)])];
}

/** The least that fits. */
function sample(raw: Schema, find: (name: string) => Schema | undefined): unknown {
  const schema = first(resolved(raw, find), find);
  if (schema.const !== undefined) return schema.const;
  const some = schema.examples?.[0] ?? schema.enum?.[0] ?? schema.minimum;
  if (some !== undefined) return some;
  if (schema.type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => sample(schema.items ?? {}, find));
  if (schema.properties === undefined) return 'a';
  return Object.fromEntries((schema.required ?? []).map((name) => [name, sample(schema.properties?.[name] ?? {}, find)]));
}

/** Sets it, and whatever must be above and beside it. */
function put(document: unknown, { path }: Leaf, value: unknown): void {
  const root = rootOf(document);
  const find = (name: string): Schema | undefined => root.$defs?.[name];
  let at = document as Record<string, unknown>;
  const schemaAt = (steps: readonly string[]): Schema => steps.reduce<Schema>((schema, step) => first(resolved((step === '[]' ? schema.items : schema.properties?.[step]) ?? {}, find), find), root);
  path.slice(0, -1).forEach((step, n) => {
    const key = step === '[]' ? '0' : step;
    const isList = path[n + 1] === '[]';
    at[key] ??= isList ? [] : sample(schemaAt(path.slice(0, n + 1)), find);
    at = at[key] as Record<string, unknown>;
  });
  const last = path.at(-1) === '[]' ? '0' : (path.at(-1) as string);
  if (value === undefined) delete at[last];
  else at[last] = value;
  const above = schemaAt(path.slice(0, -1));
  for (const other of above.dependentRequired?.[last] ?? []) at[other] ??= sample(above.properties?.[other] ?? {}, find);
  // Only their listener tells whom TCP connections are for.
  if (value === 'tcp') at['listen'] ??= '127.0.0.1:1';
}

const roots = new Map(['upstream-traffic-setting', 'upstream'].map((name) => {
  const schema = JSON.parse(readFileSync(new URL(`../../libs/wire/schema/${name}.schema.json`, import.meta.url), 'utf8')) as Schema;
  return [schema.title, schema];
}));

function rootOf(document: unknown): Schema {
  return roots.get((document as { kind: string }).kind) ?? {};
}

/** Without what says how it was written. */
function meaningOf(document: unknown): unknown {
  const reading = readDocument(document);
  if ('problems' in reading) return reading.problems;
  return JSON.parse(JSON.stringify(reading.document, (key, value: unknown) => (key === 'body' || key === 'version' ? undefined : value === Infinity ? 'no limit' : value)));
}

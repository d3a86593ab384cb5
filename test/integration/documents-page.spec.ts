/** The pages about documents against what the reader of documents takes. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { problems, setting, upstream } from '../support/document-readings.ts';

const SLIP = { zz: 1 };
const page = (name: string) => readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), 'utf8');

/** What the reader says may stand beside an unknown field. */
function fieldsBeside(body: unknown): readonly string[] {
  const allowed = problems(body).flatMap((problem) => /\.zz: unknown field.*; allowed here: (.*)$/.exec(problem)?.[1]?.split(', ') ?? []);
  expect(allowed).not.toEqual([]);
  return allowed;
}

const SETTING = [
  SLIP,
  { connectionSettings: SLIP },
  { connectionSettings: { tcp: SLIP, http: SLIP } },
  { connectionSettings: { http: { circuitBreaking: SLIP } } },
  { rateLimit: SLIP },
  { rateLimit: { local: SLIP } },
  { rateLimit: { local: { tcp: SLIP, http: SLIP } } },
  { rateLimit: { local: { http: { responseHeadersToAdd: [SLIP] } } } },
  { httpRoutes: [SLIP] },
].flatMap((spec) => fieldsBeside(setting(spec)));
const UPSTREAM = [SLIP, { retries: SLIP }, { timeouts: SLIP }, { tls: SLIP }].flatMap((spec) => fieldsBeside(upstream(spec)));

function missing(name: string, fields: readonly string[]): readonly string[] {
  const words = new Set(Array.from(page(name).matchAll(/`([^`\n]+)`/g), ([, code = '']) => code.split(/[^A-Za-z]+/)).flat());
  return fields.filter((field) => !words.has(field));
}

test('every field of both documents stands in semantics.md', () => {
  expect(missing('semantics', [...SETTING, ...UPSTREAM])).toEqual([]);
});

test("every field of a policy is compared with osm-edge's in compatibility.md", () => {
  // What a header is made of needs no row of its own.
  expect(missing('compatibility', SETTING.filter((field) => field !== 'name' && field !== 'value'))).toEqual([]);
});

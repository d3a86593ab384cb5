/**
 * The pages of docs/reference that are made from what the product itself reads. `npm run docs` writes them anew; here,
 * and in `npm run verify`, one that is not what it would be made into fails.
 */
import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { program } from '../../apps/cli/src/program.ts';
import { PROTO_FILES, protoDir } from '#wire';
import { projectRoot } from '../../test/support/project-root.ts';
import { decisionsPage } from './decisions-page.ts';
import { cliPage } from './cli-page.ts';
import { grpcPage } from './grpc-page.ts';
import { httpPage, type OpenApi } from './http-page.ts';
import type { Schema } from './json-schema.ts';
import { policyPage } from './policy-page.ts';

const wire = (name: string): string => readFileSync(join(projectRoot(), 'libs/wire', name), 'utf8');
const schema = (name: string): Schema => JSON.parse(wire(`schema/${name}.schema.json`)) as Schema;

test.each<[string, () => string]>([
  ['policy', () => policyPage([schema('upstream-traffic-setting'), schema('upstream')])],
  ['grpc', () => grpcPage(protoDir(), PROTO_FILES)],
  ['http', () => httpPage(parse(wire('openapi.yaml')) as OpenApi)],
  ['cli', () => cliPage(program({}))],
])('docs/reference/%s.md is what it is made from (else: npm run docs)', async (name, made) => {
  await expect(made()).toMatchFileSnapshot(join(projectRoot(), 'docs/reference', `${name}.md`));
});

test('docs/decisions/README.md lists the decisions (else: npm run docs)', async () => {
  const folder = join(projectRoot(), 'docs/decisions');
  const texts = new Map(globSync(join(folder, '[0-9]*.md')).toSorted().map((path) => [basename(path), readFileSync(path, 'utf8')]));
  await expect(decisionsPage(texts)).toMatchFileSnapshot(join(folder, 'README.md'));
});

/** docs/reference/errors.md, and the tables of docs/operations.md that it sends to, against the codes in the sources. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ERROR_CODES } from '../../apps/console/src/http-rim.ts';
import { UPSTREAM_ERRORS } from '../../libs/http-proxy/src/route.ts';
import { projectRoot } from '../support/project-root.ts';

const file = (path: string): string => readFileSync(join(projectRoot(), path), 'utf8');
/** All sources that the pattern names, without specs. */
const sources = (pattern: string): string => globSync(join(projectRoot(), pattern)).filter((path) => !path.endsWith('.spec.ts')).map((path) => readFileSync(path, 'utf8')).join('\n');

/** The first cells of the tables below a heading, up to the next one of its level, without their back-ticks. */
function rows(path: string, heading: string): string[] {
  const [, behind = ''] = file(path).split(`\n## ${heading}\n`);
  const [section = ''] = behind.split('\n## ');
  return [...section.matchAll(/^\| (?!-)([^|]+?) \|/gm)].flatMap(([, cell = '']) => cell.split(', ').map((each) => each.replaceAll('`', '')));
}

/** The words of a union type, as its source writes it. */
function union(path: string, name: string): string[] {
  const [, text = ''] = new RegExp(`type ${name} =([^;]*);`).exec(file(path)) ?? [];
  return [...text.matchAll(/'([a-zA-Z-]+)'/g)].map(([, word = '']) => word);
}

const unique = (words: Iterable<string>): string[] => [...new Set(words)].toSorted();
const found = (text: string, pattern: RegExp): string[] => unique([...text.matchAll(pattern)].map(([, word = '']) => word));
const PAGE = 'docs/reference/errors.md';

describe('each has its row, and what to do:', () => {
  test('exit codes', () => {
    const failures = found(file('apps/cli/src/failure.ts') + file('libs/runtime/src/start-error.ts'), /exitCode: (\d) \|/g);
    const commands = found(sources('apps/cli/src/commands/*.ts'), /^const [A-Z]+ = (\d);/gm);
    expect(commands).toEqual(['3', '4']);
    expect(unique(rows(PAGE, 'Exit codes')).filter((code) => code !== 'code')).toEqual(unique(['0', '1', '2', ...failures, ...commands]));
  });

  test('HTTP codes of the console, each with its status', () => {
    const codes = Object.entries(ERROR_CODES).map(([status, code]) => `\`${code}\` | ${status}`);
    expect([...codes, '`internal` | 500'].filter((cells) => !file(PAGE).includes(`| ${cells} |`))).toEqual([]);
    const { components } = parse(file('libs/wire/openapi.yaml')) as { components: { schemas: { Error: { properties: { error: { properties: { code: { enum: string[] } } } } } } } };
    expect(rows(PAGE, 'HTTP').filter((code) => code !== 'code').toSorted()).toEqual(components.schemas.Error.properties.error.properties.code.enum.toSorted());
  });

  test('gRPC statuses that the console gives', () => {
    expect(rows(PAGE, 'gRPC').filter((code) => code !== 'status').toSorted()).toEqual(found(sources('apps/console/src/**/*.ts'), /\bstatus\.([A-Z_]+)\b(?!\()/g).filter((code) => code !== 'OK'));
  });

  test('words of x-fuseboard-error, and why a control record was not taken', () => {
    expect(rows(PAGE, 'Callers of the proxy')).toEqual(expect.arrayContaining([...UPSTREAM_ERRORS]));
    expect(rows(PAGE, 'What was not taken').filter((word) => word !== 'reason')).toEqual(union('libs/engine/src/documents.ts', 'NotTaken'));
  });

  test.each<[string, string, () => string[]]>([
    ['conditions of readiness', 'Health and readiness', () => found(sources('{apps,libs}/*/src/**/*.ts'), /\.condition\('([a-z ]+)'/g)],
    ['commit answers', 'Commit answers', () => found(/COMMIT_ANSWERS = \[(.*?)\]/.exec(file('libs/runtime/src/metrics.ts'))?.[1] ?? '', /'(\w+)'/g)],
    ['kinds of lost logs', 'Lost logs', () => union('libs/engine/src/log-loss.ts', 'LossKind')],
    ['metrics', 'Metrics', () => found(sources('{apps,libs}/**/*.ts'), /'(fuseboard_[a-z0-9_]+)'/g)],
    ['fates of outcomes', 'Metrics', () => found(/const FATES[^]*?\n}/.exec(file('libs/runtime/src/metrics.ts'))?.[0] ?? '', /: '([a-z-]+)',/g)],
  ])('%s, in operations.md', (_, heading, words) => {
    expect(words().length).toBeGreaterThan(1);
    expect(words().filter((word) => !rows('docs/operations.md', heading).includes(word))).toEqual([]);
  });

  test('alerts, in observability.md, and the page names no other', () => {
    const { groups } = parse(file('docker/observability/alerts.yml')) as { groups: { rules: { alert: string }[] }[] };
    const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
    expect(rows('docs/observability.md', 'Alerts').filter((name) => name !== 'alert').toSorted()).toEqual(alerts.toSorted());
  });
});

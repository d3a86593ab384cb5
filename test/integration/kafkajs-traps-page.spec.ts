import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const PAGE = readFileSync(new URL('../../docs/decisions/0030-kafkajs-is-guarded-from-outside.md', import.meta.url), 'utf8');
const rows = Array.from(PAGE.matchAll(/^\| (.+?) \| .+ \| (kafka-\w+): `(.+)` \|$/gm), ([, trap = '', file = '', title = '']) => [trap, file, title] as const);

it('docs/decisions/0030 has every known trap', () => {
  expect(rows).toHaveLength(PAGE.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| trap')).length);
});

it.each(rows)('%s: docs/decisions/0030 names a test that there is', (_, file, title) => {
  const source = readFileSync(new URL(`${file}.services.spec.ts`, import.meta.url), 'utf8');
  const titles = source.split('\n').filter((line) => /^ *(?:test|it)(?:\.\w+)*\(|^\s*'.*',$/.test(line));
  expect(titles.some((line) => line.includes(title))).toBe(true);
});

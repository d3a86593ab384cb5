import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { shownAs, shownInStream } from './output.ts';

const VALUES = [{ upstream: 'a.test', since: '2026-11-30T10:00:00.000Z', reason: '5 of 5: "no"\nand more' }, { upstream: 'b.test', count: 0, parts: [] }];

test('an answer as JSON and as YAML is the same value, and as a table its text', () => {
  expect(JSON.parse(shownAs('json', VALUES, () => ''))).toEqual(VALUES);
  expect(parse(shownAs('yaml', VALUES, () => ''))).toEqual(VALUES);
  expect(shownAs('table', VALUES, () => 'A  B\n')).toBe('A  B\n');
});

test('many, one after the other, are a line of JSON, a YAML document or a line of text each', () => {
  const all = (output: 'table' | 'json' | 'yaml'): string => VALUES.map((each) => shownInStream(output, each, () => each.upstream)).join('');
  expect(all('json').trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)).toEqual(VALUES);
  expect(parseAllDocuments(all('yaml')).map((each) => each.toJS() as unknown)).toEqual(VALUES);
  expect(all('table')).toBe('a.test\nb.test\n');
});

/** docs/faults.md is the matrix as it is. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ROWS } from './all-rows.ts';
import { pageWith } from './report.ts';
import type { Row } from './row.ts';

const page = readFileSync('docs/faults.md', 'utf8');

test('the page has a line for each row of the matrix, in its order, and for no other', () => {
  const ids = [...page.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, id]) => id);
  expect(ids).toEqual(ROWS.map(({ id }) => id));
});

test('every row that another page names is there', () => {
  const named = [...readFileSync('docs/guarantees.md', 'utf8').matchAll(/npm run faults -- ([\w-]+)/g)].map(([, id]) => id);
  expect(named.filter((id) => !ROWS.some((row) => row.id === id))).toEqual([]);
});

test('every spec that the page names is there', () => {
  const named = [...page.matchAll(/`([\w./-]+\.spec\.ts)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});

test('a row that was run replaces its own line, and what a cell may not hold is escaped', () => {
  const row = (id: string): Row => ({ id, fault: 'a | b', how: 'c', promised: 'd', run: () => Promise.reject(new Error('not to be run')) });
  const results = [{ row: row('one'), seconds: 1.4, seen: { what: 'e', figures: [{ what: 'f', seconds: 3, goalSeconds: 2 }] } }, { row: row('two'), seconds: 2, failure: 'g\nh' }];
  const before = 'head\n<!-- generated -->\n\n| `one` | old |\n| `three` | kept |\n<!-- end of what is generated -->\ntail\n';
  const after = pageWith(before, results, ['three', 'two', 'one']).split('\n');
  expect(after.filter((line) => line.startsWith('| `'))).toEqual([
    '| `three` | kept |',
    '| `two` | a \\| b | c | d | **broken**: g h | 2 |',
    '| `one` | a \\| b | c | d | held; e; f: 3.0 s (goal 2 s: **goal missed**) | 1 |',
  ]);
  expect([after[0], after.at(-2)]).toEqual(['head', 'tail']);
});

import { expect, it } from 'vitest';
import { table } from './table.ts';

it('columns are as wide as their widest cell, and no line ends with spaces', () => {
  expect(table([['UPSTREAM', 'STATE'], ['a', 'open'], ['a-long-name', '']])).toBe('UPSTREAM     STATE\na            open\na-long-name');
});

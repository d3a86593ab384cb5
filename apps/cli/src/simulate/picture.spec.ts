import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { pictureText } from './picture.ts';
import type { PolicyResult } from './policy-run.ts';

/** 96 s of one call a second, the second half of them errors; open in seconds 50 to 70. */
const slots = Array.from({ length: 96 }, (_, n) => ({ calls: 1, errors: n < 48 ? 0 : 1 }));
const transitions = [{ transition: { to: 'open', atMs: 50_000 } }, { transition: { to: 'closed', atMs: 70_000 } }];
const result = { name: 'shop', transitions, ledger: { openMs: 20_000 } } as unknown as PolicyResult;
const lines = (columns: number): string[] => stripVTControlCharacters(pictureText([result], { slots, slotMs: 1_000, startMs: 0 }, columns)).split('\n');

it('has a mark for each slot where there is room, in a pipe as on a wide terminal', () => {
  const [errors = '', shop = ''] = lines(Infinity);
  expect(errors).toBe(`errors  ${'▁'.repeat(48)}${'█'.repeat(48)}  at most 100 % in 1s`);
  expect(shop).toBe(`shop    ${'·'.repeat(50)}${'█'.repeat(20)}${'·'.repeat(26)}  open 20s`);
  expect(lines(160)).toEqual(lines(Infinity));
});

it('on a narrow terminal takes slots together until a line fits', () => {
  expect(lines(80)).toEqual([`errors  ${'▁'.repeat(24)}${'█'.repeat(24)}  at most 100 % in 2s`, `shop    ${'·'.repeat(25)}${'█'.repeat(10)}${'·'.repeat(13)}  open 20s`]);
  expect(Math.max(...lines(60).map(({ length }) => length))).toBeLessThanOrEqual(60);
  expect(lines(20)[0]).toContain('at most 100 % in 9s');
});

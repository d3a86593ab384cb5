import { expect, it } from 'vitest';
import { Sparing } from './sparing.ts';

it('says the same thing at most each 5 s and then how often it was left out; other things by themselves', () => {
  const lines: string[] = [];
  let nowMs = 0;
  const say = (_: object, line?: string): void => void lines.push(`${nowMs} ${line}`);
  const sparing = new Sparing({ warn: say, error: say } as never, () => nowMs);
  for (; nowMs < 11_000; nowMs += 500) sparing.warn('a mark could not be appended', {});
  sparing.error('documents could not be read', {});
  expect(lines).toEqual([
    '0 a mark could not be appended',
    '5000 a mark could not be appended (left out since: 9 lines like this)',
    '10000 a mark could not be appended (left out since: 9 lines like this)',
    '11000 documents could not be read',
  ]);
});

it('keeps a hundred things apart, and says the rest as one, each 5 s', () => {
  let nowMs = 0;
  const lines: (string | undefined)[] = [];
  const say = (_: object, line?: string): void => void lines.push(line);
  const sparing = new Sparing({ warn: say } as never, () => nowMs);
  for (let n = 0; n < 1_000; n++) sparing.warn(`thing ${n}`, {});
  expect([lines.length, lines.at(-1)]).toEqual([101, 'thing 100']);
  nowMs = 5_000;
  sparing.warn('thing 500', {});
  expect(lines.at(-1)).toBe('thing 500 (left out since: 899 lines like this)');
});

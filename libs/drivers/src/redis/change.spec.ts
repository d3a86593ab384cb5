import { describe, expect, it } from 'vitest';
import { isNextAfter, readChange } from './change.ts';

const META = '{"incarnation":2,"next":9,"clock":1790000000009,"control":-1,"sequence":5,"after":{"next":7,"sequence":4},"snapshots":0}';
const message = (text: string) => readChange(Buffer.from(text));

describe('a message of a commit', () => {
  it('tells meta, and what was before it', () => {
    const { snapshots, ...change } = message(META);
    expect(change).toEqual({
      meta: { incarnation: 2, next: 9, clockMs: 1_790_000_000_009, control: -1, sequence: 5 },
      after: { next: 7, sequence: 4 },
    });
    expect(snapshots()).toEqual([]);
    expect(message(META.replace('"snapshots"', '"restoringTo":12,"snapshots"')).meta.restoringTo).toBe(12);
  });

  it('says of snapshots that it does not bring that there are some', () => {
    expect(message(META.replace('"snapshots":0', '"snapshots":3')).snapshots()).toBeUndefined();
  });

  it.each(['', 'hello', '[]', '{}', 'null', `${META}\n{"v":1}`.replace('"snapshots":0', '"snapshots":1')])('is refused where it is %s', (text) => {
    expect(() => message(text).snapshots()).toThrow(Error);
  });
});

it('a change follows what is known where incarnation, offset and count of writes all say so', () => {
  const change = message(META);
  const known = { incarnation: 2, next: 7, clockMs: 0, control: 0, sequence: 4 };
  expect(isNextAfter(change, known)).toBe(true);
  for (const other of [{ incarnation: 1 }, { next: 6 }, { sequence: 3 }]) expect(isNextAfter(change, { ...known, ...other })).toBe(false);
  const { after: _, ...rewritten } = change;
  expect(isNextAfter(rewritten, known)).toBe(false);
});

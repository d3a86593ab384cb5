import { expect, it } from 'vitest';
import { GivesWay } from '#engine';
import { isSameMeta, metaOf, OtherPartitionsError } from './partition-meta.ts';

const FIELDS = { partitions: '12', incarnation: '2', next: '9', clock: '1790000000009', control: '-1', sequence: '5' };
const META = { incarnation: 2, next: 9, clockMs: 1_790_000_000_009, control: -1, sequence: 5 };

it('meta is read as it was written; without `next` there is none', () => {
  const of = { key: 'k', partitions: 12 };
  expect(metaOf(FIELDS, of)).toEqual(META);
  expect(metaOf({ ...FIELDS, restoringTo: '20' }, of)).toEqual({ ...META, restoringTo: 20 });
  expect(metaOf({ ...FIELDS, v: '1', log: 'ab12', engine: '3' }, of)).toEqual({ ...META, log: 'ab12', engine: 3 });
  expect(metaOf({}, of)).toBeUndefined();
});

it('meta that a newer Fuseboard wrote is left alone, with what to do', () => {
  const of = { key: 'fuseboard:{3}:meta', partitions: 12 };
  expect(() => metaOf({ ...FIELDS, v: '2' }, of)).toThrow(GivesWay);
  expect(() => metaOf({ ...FIELDS, v: '2' }, of)).toThrow(/fuseboard:\{3\}:meta was written by a newer Fuseboard \(version 2, this one knows 1\).*upgrade it/);
});

it('L1: meta of another number of partitions is refused', () => {
  expect(() => metaOf(FIELDS, { key: 'k', partitions: 6 })).toThrow(OtherPartitionsError);
});

it('V3: what was written again at the same offset differs, and so does what fell back or is lost', () => {
  expect(isSameMeta(META, { ...META })).toBe(true);
  expect(isSameMeta(undefined, undefined)).toBe(true);
  for (const other of [{ sequence: 6 }, { next: 8 }, { incarnation: 1 }]) expect(isSameMeta(META, { ...META, ...other })).toBe(false);
  expect(isSameMeta(META, undefined)).toBe(false);
});

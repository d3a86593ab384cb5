import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assign, type Member } from './assigner.ts';

const members = fc.uniqueArray(fc.record({ id: fc.string({ minLength: 1, maxLength: 4 }), owned: fc.array(fc.integer({ min: -1, max: 40 })) }), {
  minLength: 1,
  maxLength: 12,
  selector: ({ id }) => id,
});

test('every partition goes to one member, in shares that differ by one at most, whatever members say and in whatever order', () => {
  fc.assert(
    fc.property(members, fc.integer({ min: 1, max: 36 }), (all, partitions) => {
      const assigned = assign(all, partitions);
      expect([...assigned.values()].flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, partition) => partition));
      const shares = [...assigned.values()].map(({ length }) => length);
      expect(assigned.size).toBe(all.length);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      expect(assign(all.toReversed(), partitions)).toEqual(assigned);
    }),
  );
});

test('who has partitions keeps them, but for what a newcomer is due', () => {
  const alone: Member[] = [{ id: 'a', owned: [0, 1, 2, 3, 4, 5] }];
  const two = assign([...alone, { id: 'b', owned: [] }], 6);
  expect(two).toEqual(new Map([['a', [0, 1, 2]], ['b', [3, 4, 5]]]));
  const three = assign([{ id: 'c', owned: [] }, ...[...two].map(([id, owned]) => ({ id, owned }))], 6);
  expect(three).toEqual(new Map([['a', [0, 1]], ['b', [3, 4]], ['c', [2, 5]]]));
  expect(assign([{ id: 'a', owned: [0, 1] }, { id: 'c', owned: [2, 5] }], 6)).toEqual(new Map([['a', [0, 1, 3]], ['c', [2, 4, 5]]]));
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { assign as assignTo, type Member } from './assigner.ts';

const assign = (all: readonly (Omit<Member, 'engine'> & { engine?: number })[], partitions: number): Map<string, number[]> =>
  assignTo(all.map((member) => ({ engine: 1, ...member })), partitions);

const members = fc.uniqueArray(fc.record({ id: fc.string({ minLength: 1, maxLength: 4 }), owned: fc.array(fc.integer({ min: -1, max: 40 })), engine: fc.constant(1) }), {
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
  const alone = [{ id: 'a', owned: [0, 1, 2, 3, 4, 5] }];
  const two = assign([...alone, { id: 'b', owned: [] }], 6);
  expect(two).toEqual(new Map([['a', [0, 1, 2]], ['b', [3, 4, 5]]]));
  const three = assign([{ id: 'c', owned: [] }, ...[...two].map(([id, owned]) => ({ id, owned }))], 6);
  expect(three).toEqual(new Map([['a', [0, 1]], ['b', [3, 4]], ['c', [2, 5]]]));
  expect(assign([{ id: 'a', owned: [0, 1] }, { id: 'c', owned: [2, 5] }], 6)).toEqual(new Map([['a', [0, 1, 3]], ['c', [2, 4, 5]]]));
});

test('members of an older engine than others get nothing, and what they had goes over at once', () => {
  const assigned = assign([{ id: 'a', owned: [0, 1], engine: 1 }, { id: 'b', owned: [2, 3], engine: 2 }, { id: 'c', owned: [], engine: 2 }, { id: 'd', owned: [4], engine: 1 }], 5);
  expect(assigned).toEqual(new Map([['b', [0, 2, 3]], ['c', [1, 4]], ['a', []], ['d', []]]));
});

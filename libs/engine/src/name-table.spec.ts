import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NAME_CHARS_MAX, NameTable } from './name-table.ts';

const plain = fc.string({ unit: 'grapheme-ascii', maxLength: 40 });

test('each name has one number, in the order in which they came, and is found by it and by its bytes', () => {
  fc.assert(
    fc.property(fc.array(plain, { maxLength: 400 }), (names) => {
      const [table, copied] = [new NameTable(), new NameTable()];
      const numbers = new Map<string, number>();
      for (const [n, name] of names.entries()) {
        const around = Buffer.from(`(${name})`, 'latin1');
        const number = n % 2 === 0 ? table.add(name) : table.addBytes(around, 1, around.length - 1);
        expect(number).toBe(numbers.get(name) ?? numbers.size);
        numbers.set(name, number);
      }
      expect(table.size).toBe(numbers.size);
      for (const [name, number] of numbers) {
        expect([table.find(name), copied.addOf(table, number), copied.find(name)]).toEqual([number, number, number]);
        expect(table.find(`${name}.`)).toBe(numbers.get(`${name}.`) ?? -1);
      }
    }),
  );
});

test('a name that is not plain, or too long, is not taken and not found', () => {
  const table = new NameTable();
  table.add('bucher');
  for (const name of ['bücher', 'a\n', 'a\u007f', 'x'.repeat(NAME_CHARS_MAX + 1)]) expect([table.add(name), table.find(name)]).toEqual([-1, -1]);
  expect(table.add('x'.repeat(NAME_CHARS_MAX))).toBe(1);
  expect(table.size).toBe(2);
});

test('many names are all found', () => {
  const table = new NameTable();
  for (let n = 0; n < 100_000; n++) table.add(`u${n}.known.example`);
  expect(Array.from({ length: 100_000 }, (_, n) => table.find(`u${n}.known.example`)).every((number, n) => number === n)).toBe(true);
});

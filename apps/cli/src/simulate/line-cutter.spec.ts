import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LINE_BYTES_MAX, LineCutter } from './line-cutter.ts';

function cut(chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const cutter = new LineCutter({
    line: (bytes, start, end) => void lines.push(bytes.toString('latin1', start, end)),
    tooLong: () => void lines.push('(too long)'),
  });
  for (const chunk of chunks) cutter.push(chunk);
  cutter.end();
  return lines;
}

const line = fc.string({ unit: fc.constantFrom('a', 'b', '"', ' '), maxLength: 12 });

test('lines come out as they went in, wherever the chunks end', () => {
  fc.assert(
    fc.property(fc.array(line), fc.constantFrom('\n', '\r\n'), fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (lines, end, sizes) => {
      const text = lines.map((each) => each + end).join('');
      const chunks: Buffer[] = [];
      for (let at = 0, n = 0; at < text.length; n++) {
        const size = sizes[n % sizes.length] ?? 1;
        chunks.push(Buffer.from(text.slice(at, at + size)));
        at += size;
      }
      expect(cut(chunks)).toEqual(lines);
    }),
  );
});

test('the last line needs no end', () => {
  expect(cut([Buffer.from('one\ntw'), Buffer.from('o')])).toEqual(['one', 'two']);
});

test('a chunk may be used again once it has been shown', () => {
  const chunk = Buffer.from('on');
  const lines: string[] = [];
  const cutter = new LineCutter({ line: (bytes, start, end) => void lines.push(bytes.toString('latin1', start, end)), tooLong: () => {} });
  cutter.push(chunk);
  chunk.fill('x');
  cutter.push(Buffer.from('e\n'));
  expect(lines).toEqual(['one']);
});

test('a line beyond the bound is told as such, whole or in pieces, and the next is read', () => {
  const long = Buffer.alloc(LINE_BYTES_MAX + 2, 'a');
  const next = Buffer.from('\nnext\n');
  expect(cut([Buffer.concat([long, next])])).toEqual(['(too long)', 'next']);
  expect(cut([long.subarray(0, 600_000), long.subarray(600_000), next])).toEqual(['(too long)', 'next']);
  expect(cut([Buffer.concat([long.subarray(0, LINE_BYTES_MAX), next])]).map(({ length }) => length)).toEqual([LINE_BYTES_MAX, 4]);
});

test('of a line beyond the bound nothing is kept, however long it goes on', () => {
  const chunk = Buffer.alloc(LINE_BYTES_MAX, 'a');
  const cutter = new LineCutter({ line: () => expect.unreachable('it is too long'), tooLong: () => {} });
  const before = process.memoryUsage().arrayBuffers;
  for (let n = 0; n < 64; n++) cutter.push(chunk);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * LINE_BYTES_MAX);
  cutter.end();
});

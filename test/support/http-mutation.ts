/** Messages that are nearly right: good ones, broken by chance in the ways in which parsers have been fooled. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Socket } from 'node:net';
import type { Chance } from './chance.ts';

/** What is put in somewhere: bytes that end, split, join or fold lines, and lines that say how long a message is. */
const TOKENS = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '\r\r\n',
  '\0',
  '\x01',
  '\x0b',
  '\x7f',
  '\x80',
  '\xff',
  ' ',
  '\t',
  ':',
  ': ',
  ',',
  ';',
  '"',
  '/',
  '0',
  '1',
  '-',
  '_',
  '\r\n ',
  'HTTP/1.1',
  'HTTP/1.0',
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Content-Length : 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'transfer-encoding:\tchunked\r\n',
  'Transfer-Encoding: chunked, chunked\r\n',
  'Transfer-Encoding: identity\r\n',
  'Connection: close\r\n',
  'Connection: keep-alive, X-A\r\n',
  'Host: api.test\r\n',
  'Host: other.test\r\n',
  '0\r\n\r\n',
  '5\r\n',
  'GET /in HTTP/1.1\r\nHost: api.test\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno',
];

/** One of the seeds, with none to three changes. */
export function mutated(chance: Chance, seeds: readonly string[]): string {
  let text = chance.of(seeds);
  for (let changes = chance.below(4); changes > 0; changes--) text = changed(chance, text, seeds);
  return text;
}

function changed(chance: Chance, text: string, seeds: readonly string[]): string {
  const at = chance.below(text.length + 1);
  const length = chance.below(2) === 0 ? 1 : chance.below(12);
  switch (chance.below(8)) {
    case 0:
      return text.slice(0, at) + text.slice(at + length);
    case 1:
      return text.slice(0, at) + text.slice(at, at + length).repeat(2 + chance.below(3)) + text.slice(at + length);
    case 2: {
      const other = chance.of(seeds);
      return text.slice(0, at) + other.slice(chance.below(other.length + 1));
    }
    case 3:
      return text.slice(0, at) + String.fromCharCode(chance.below(256)) + text.slice(at + chance.below(2));
    case 4:
      return lineRepeated(chance, text);
    case 5:
      return text.slice(0, at) + swapCase(text.slice(at, at + length)) + text.slice(at + length);
    default:
      return text.slice(0, at) + chance.of(TOKENS) + text.slice(at);
  }
}

function lineRepeated(chance: Chance, text: string): string {
  const lines = text.split('\r\n');
  const from = chance.below(lines.length);
  const line = lines[from] ?? '';
  return [...lines.slice(0, from), line, ...lines.slice(from + chance.below(2))].toSpliced(chance.below(lines.length), 0, line).join('\r\n');
}

/** Of ASCII alone: other letters would leave latin1. */
function swapCase(text: string): string {
  return text.replace(/[A-Za-z]/g, (letter) => (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase()));
}

/** Written in up to four pieces, each likely to arrive by itself. */
export async function writeInPieces(chance: Chance, socket: Socket, text: string): Promise<void> {
  let from = 0;
  for (let cuts = chance.below(4); cuts > 0 && from < text.length; cuts--) {
    const to = from + 1 + chance.below(text.length - from);
    if (!socket.writable) return;
    socket.write(text.slice(from, to), 'latin1');
    from = to;
    await nextTurn();
  }
  if (from < text.length && socket.writable) socket.write(text.slice(from), 'latin1');
}

/** From where a run begins; FUSEBOARD_SEED and FUSEBOARD_CASES repeat a part of it. */
export const SEED = Number(process.env['FUSEBOARD_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
export const CASES_MAX = Number(process.env['FUSEBOARD_CASES'] ?? 20_000);

/** How a failing case is run alone. */
export function repeatedBy(offset: number): string {
  return `FUSEBOARD_SEED=${SEED + offset} FUSEBOARD_CASES=1`;
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseParser } from './response-parser.ts';

interface Told {
  heads: [number, string, string[]][];
  body: string;
  ends: boolean[];
}

/** What a parser tells of these chunks, and how it read each. */
function read(chunks: readonly string[], words: { isHead?: boolean; headBytesMax?: number; ends?: boolean } = {}) {
  const told: Told = { heads: [], body: '', ends: [] };
  const parser = new ResponseParser(
    {
      onHead: (...head) => {
        told.heads.push(head);
        return words.isHead !== true;
      },
      onBody: (chunk) => (told.body += chunk.toString('latin1')),
      onComplete: (keepAlive) => told.ends.push(keepAlive),
    },
    words.headBytesMax ?? 10_000,
  );
  const readings = chunks.map((chunk) => parser.execute(Buffer.from(chunk, 'latin1')).kind);
  const isWhole = words.ends === true ? parser.finish() : undefined;
  parser.free();
  return { ...told, readings, isWhole };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Empty:\r\nX-Space:  a b \t\r\nX-Latin: \u00e9\r\n\r\nhi';

describe('a response', () => {
  it('is read the same in whatever pieces it comes', () => {
    const whole = read([OK]);
    expect(whole).toMatchObject({ heads: [[200, 'OK', ['Content-Length', '2', 'X-Empty', '', 'X-Space', 'a b', 'X-Latin', '\u00e9']]], body: 'hi', ends: [true], readings: ['all'] });
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: OK.length - 1 }), { maxLength: 12 }), (cuts) => {
        const edges = [0, ...cuts.toSorted((a, b) => a - b), OK.length];
        const chunks = edges.slice(1).map((edge, i) => OK.slice(edges[i], edge));
        const { heads, body, ends } = read(chunks);
        expect({ heads, body, ends }).toEqual({ heads: whole.heads, body: whole.body, ends: whole.ends });
      }),
    );
  });

  it('with a head beyond the first 2 KiB of its chunk is read whole', () => {
    const long = 'v'.repeat(3_000);
    expect(read([`HTTP/1.1 200 OK\r\nA: ${long}\r\nB: 2\r\nContent-Length: 0\r\n\r\n`]).heads[0]?.[2]).toEqual(['A', long, 'B', '2', 'Content-Length', '0']);
  });

  it('follows another on the same connection', () => {
    expect(read([OK, OK])).toMatchObject({ body: 'hihi', ends: [true, true], readings: ['all', 'all'] });
  });

  it('with bytes behind its end has a surplus', () => expect(read([`${OK}H`]).readings).toEqual(['surplus']));

  it('is announced by 1xx, which nobody hears of', () => {
    expect(read([`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n${OK}`])).toMatchObject({ heads: [[200, 'OK', expect.anything()]], ends: [true] });
  });

  it('to HEAD has no body, and the connection may stay', () => {
    expect(read(['HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'], { isHead: true })).toMatchObject({ body: '', ends: [true, true] });
  });

  it.each(['HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n', 'HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n'])('%j has no body', (bytes) => {
    expect(read([bytes])).toMatchObject({ ends: [true], readings: ['all'] });
  });

  it.each([
    ['with Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ])('%s ends its connection', (_, bytes) => expect(read([bytes]).ends).toEqual([false]));

  it('without a length ends with the connection', () => {
    expect(read(['HTTP/1.1 200 OK\r\n\r\nabc'], { ends: true })).toMatchObject({ body: 'abc', ends: [false], isWhole: true });
  });

  it.each([
    ['within its head', 'HTTP/1.1 200 OK\r\nConte'],
    ['within its length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc'],
    ['within its chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'],
    ['before its last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'],
  ])('that ends %s is not whole', (_, bytes) => expect(read([bytes], { ends: true })).toMatchObject({ ends: [], isWhole: false }));

  it('with trailers keeps them out of the next head', () => {
    const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n';
    expect(read([chunked, OK])).toMatchObject({ body: 'abchi', heads: [[200, 'OK', ['Transfer-Encoding', 'chunked']], [200, 'OK', expect.not.arrayContaining(['X-Sum'])]] });
  });

  it.each([
    'SSH-2.0-OpenSSH\r\n',
    'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
    'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
    'HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA : 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
  ])('%j is refused', (bytes) => expect(read([bytes]).readings).toEqual(['invalid']));

  it('with a head or trailers larger than allowed is refused', () => {
    expect(read(['HTTP/1.1 200 OK\r\n', `A: ${'x'.repeat(80)}\r\n`, `B: ${'x'.repeat(80)}\r\n`], { headBytesMax: 100 }).readings.at(-1)).toBe('invalid');
    const trailers = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ${'x'.repeat(200)}\r\n\r\n`;
    expect(read([trailers], { headBytesMax: 100 }).readings).toEqual(['invalid']);
  });

  it('of random bytes never does more than be refused or wait', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), { maxLength: 5 }), (chunks) => {
        expect(read(chunks, { ends: true }).readings).toHaveLength(chunks.length);
      }),
    );
  });
});

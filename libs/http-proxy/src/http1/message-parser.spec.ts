import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CHUNKED, MessageParser, UNTIL_CLOSE, type MessageFault } from './message-parser.ts';

interface Told {
  /** Line, headers, body framing. */
  heads: [string, string[], number][];
  body: string;
  ends: { readonly keepsAlive: boolean; readonly trailers: readonly string[] }[];
  faults: MessageFault[];
}

interface Words {
  readonly type?: 'request' | 'response';
  readonly isToHead?: boolean;
  readonly headBytesMax?: number;
  /** The peer ends behind the last chunk. */
  readonly ends?: boolean;
}

/** What a parser tells of these chunks; the next message begins where one has ended. */
function read(chunks: readonly string[], { type = 'response', isToHead = false, headBytesMax = 10_000, ends = false }: Words = {}) {
  const told: Told = { heads: [], body: '', ends: [], faults: [] };
  const sink = {
    onHead: ({ text, lineFrom, lineTo, count, ...rest }: MessageParser['head'], body: number) => {
      const head = parser.head;
      const headers = Array.from({ length: count }, (_, n) => [head.name(n), head.value(n)]).flat();
      told.heads.push([`${rest.statusCode} ${text.slice(lineFrom, lineTo)}`, headers, body]);
    },
    onBody: (chunk: Buffer) => (told.body += chunk.toString('latin1')),
    onEnd: (trailers: readonly string[]) => {
      told.ends.push({ keepsAlive: parser.keepsAlive, trailers });
      parser.begin();
    },
    onFault: (fault: MessageFault) => told.faults.push(fault),
  };
  const parser = new MessageParser(type, sink, { headBytesMax, headersMax: 10, targetBytesMax: 50 });
  parser.isToHead = isToHead;
  for (const chunk of chunks) parser.read(Buffer.from(chunk, 'latin1'), 0);
  const isWhole = ends ? parser.finish() : undefined;
  parser.free();
  return { ...told, isWhole };
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Empty:\r\nX-Space:  a b \t\r\nX-Latin: \u00e9\r\n\r\nhi';
const POST = 'POST /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n';

describe('a message', () => {
  it.each([
    ['response', OK],
    ['request', POST],
  ] as const)('%s is read the same in whatever pieces it comes', (type, bytes) => {
    const whole = read([bytes, bytes], { type });
    expect(whole.ends).toHaveLength(2);
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: bytes.length * 2 - 1 }), { maxLength: 12 }), (cuts) => {
        const twice = bytes + bytes;
        const edges = [0, ...cuts.toSorted((a, b) => a - b), twice.length];
        expect(read(edges.slice(1).map((edge, i) => twice.slice(edges[i], edge)), { type })).toEqual(whole);
      }),
    );
  });

  it('is its line, its headers without the white space around values, its body', () => {
    expect(read([OK])).toMatchObject({ heads: [['200 OK', ['Content-Length', '2', 'X-Empty', '', 'X-Space', 'a b', 'X-Latin', '\u00e9'], 2]], body: 'hi', ends: [{ keepsAlive: true, trailers: [] }] });
    expect(read([POST], { type: 'request' })).toMatchObject({ heads: [['0 /a?b', ['Host', 'h', 'Transfer-Encoding', 'chunked'], CHUNKED]], body: 'abcde', ends: [{ trailers: ['X-Sum', '1'] }] });
  });

  it('with a head beyond the first piece is read whole', () => {
    const long = 'v'.repeat(6_000);
    expect(read([`HTTP/1.1 200 OK\r\nA: ${long}\r\nB: 2\r\nContent-Length: 0\r\n\r\n`]).heads[0]?.[1]).toEqual(['A', long, 'B', '2', 'Content-Length', '0']);
  });

  it('follows an empty line', () => expect(read(['\r\n', `\r\n${POST}`], { type: 'request' }).body).toBe('abcde'));

  it('with trailers keeps them out of the next head', () => {
    expect(read([POST + POST], { type: 'request' }).heads[1]?.[1]).toEqual(['Host', 'h', 'Transfer-Encoding', 'chunked']);
  });
});

describe('a response', () => {
  it('to HEAD has no body, and the connection may stay', () => {
    expect(read(['HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\n'], { isToHead: true })).toMatchObject({ body: '', ends: [{ keepsAlive: true }, { keepsAlive: true }] });
  });

  it.each(['HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\n', 'HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\n', 'HTTP/1.1 103 Early\r\nLink: x\r\n\r\n'])('%j has no body', (bytes) => {
    expect(read([bytes])).toMatchObject({ heads: [[expect.anything(), expect.anything(), 0]], ends: [{}] });
  });

  it.each([
    ['with Connection: close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ])('%s ends its connection', (_, bytes) => expect(read([bytes]).ends).toMatchObject([{ keepsAlive: false }]));

  it('without a length ends with the connection', () => {
    expect(read(['HTTP/1.1 200 OK\r\n\r\nabc'], { ends: true })).toMatchObject({ heads: [['200 OK', [], UNTIL_CLOSE]], body: 'abc', ends: [{ keepsAlive: false }], isWhole: true });
  });

  it.each([
    ['within its head', 'HTTP/1.1 200 OK\r\nConte'],
    ['within its length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc'],
    ['within its chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'],
    ['before its last chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n'],
  ])('that ends %s is not whole', (_, bytes) => expect(read([bytes], { ends: true })).toMatchObject({ ends: [], isWhole: false }));

  it.each([
    'SSH-2.0-OpenSSH\r\n',
    'HTTP/1.1 200 OK\nContent-Length: 0\n\n',
    'HTTP/1.1 200 OK\r\nA: 1\r\n 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA : 1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
  ])('%j is refused', (bytes) => expect(read([bytes]).faults).toEqual(['invalid']));
});

describe('what is bounded', () => {
  it.each<[string, string, MessageFault, Words['type']]>([
    ['a head that never ends', `GET / HTTP/1.1\r\nA: ${'x'.repeat(20_000)}`, 'head-too-large', 'request'],
    ['a head that ends', `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(3_000)}\r\nB: ${'x'.repeat(7_000)}\r\n\r\n`, 'head-too-large', 'response'],
    ['trailers', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: ${'x'.repeat(11_000)}\r\n\r\n`, 'head-too-large', 'response'],
    ['the number of headers', `GET / HTTP/1.1\r\n${'A: 1\r\n'.repeat(11)}\r\n`, 'too-many-headers', 'request'],
    ['the number of trailers', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'A: 1\r\n'.repeat(11)}\r\n`, 'too-many-headers', 'response'],
    ['a target', `GET /${'x'.repeat(50)} HTTP/1.1\r\n\r\n`, 'target-too-long', 'request'],
    ['a chunk extension', `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(17_000)}\r\na\r\n`, 'framing-too-large', 'response'],
  ])('%s: beyond it the message is refused, once, and nothing more is read', (...[, bytes, fault, type = 'response']) => {
    const told = read([bytes, bytes], { type });
    expect([told.faults, told.ends]).toEqual([[fault], []]);
  });

  it('framing is not what many small chunks are', () => {
    const told = read(['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\na\r\n'.repeat(20_000), '0\r\n\r\n']);
    expect([told.body.length, told.faults]).toEqual([20_000, []]);
  });
});

it('random bytes never do more than be refused or wait', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), { maxLength: 5 }), fc.constantFrom('request' as const, 'response' as const), (chunks, type) => {
      expect(read(chunks, { type, ends: true }).faults.length).toBeLessThanOrEqual(1);
    }),
  );
});

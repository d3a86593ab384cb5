/**
 * Requests that are broken by chance. What comes out behind the proxy is read by two parsers, node:http's and a strict
 * one of our own, and held against what a strict reading of the bytes that went in says. FUSEBOARD_SEED repeats a run,
 * FUSEBOARD_CASES says how many cases there are (default 20,000, or as many as fit into 20 s).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { Chance } from '../support/chance.ts';
import { Cleanup, call, route, startDataPlane, type DataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { CASES_MAX, mutated, repeatedBy, SEED, writeInPieces } from '../support/http-mutation.ts';
import { QuickClient } from '../support/quick-client.ts';
import { endToEnd, isInterim, membersOf, readRequests, readResponses, valuesOf, type Header, type Message, type Reading } from '../support/raw-http.ts';

const TIME_MS = 20_000;
const LANES = 6;
/** What is no request line to us may be half of one to the proxy: it gives up waiting. */
const TIMEOUTS = { timeouts: { clientHeadMs: 1_000, clientCheckMs: 100 } };
/** A machine that stood still for seconds proves nothing. */
const STALLED = /\r\nx-fuseboard-error: [a-z]+-timeout\r\n/;
const CLOSES = /\r\nconnection: close\r\n/i;
const HEAD = 'Host: api.test\r\nX-A: b\r\n';
const SEEDS = [
  `GET /a?b=c HTTP/1.1\r\n${HEAD}\r\n`,
  `HEAD / HTTP/1.1\r\n${HEAD}\r\n`,
  `POST /length HTTP/1.1\r\n${HEAD}Content-Length: 5\r\n\r\nhello`,
  `POST /chunks HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\n\r\n`,
  `PUT /trailers HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n`,
  `GET http://api.test/absolute HTTP/1.1\r\n${HEAD}\r\n`,
  `OPTIONS * HTTP/1.1\r\n${HEAD}\r\n`,
  `GET /old HTTP/1.0\r\n${HEAD}\r\n`,
  `GET /last HTTP/1.1\r\n${HEAD}Connection: close\r\n\r\n`,
  `POST /expect HTTP/1.1\r\n${HEAD}Expect: 100-continue\r\nContent-Length: 2\r\n\r\nok`,
  `GET /hops HTTP/1.1\r\n${HEAD}Connection: X-A\r\nTE: trailers\r\nKeep-Alive: timeout=5\r\n\r\n`,
  `POST /1 HTTP/1.1\r\n${HEAD}Content-Length: 25\r\n\r\nGET /inner HTTP/1.1\r\n\r\n\r\nGET /2 HTTP/1.1\r\n${HEAD}\r\n`,
  `GET /1 HTTP/1.1\r\n${HEAD}\r\nPOST /2 HTTP/1.1\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\nGET /3 HTTP/1.1\r\n${HEAD}\r\n`,
];

const cleanup = new Cleanup();
const counts = { cases: 0, passed: 0, refused: 0, stricter: new Map<string, number>() };
afterAll(async () => {
  await cleanup.run();
  const { cases, passed, refused, stricter } = counts;
  console.log(`http-proxy-fuzz-requests: ${cases} cases, ${passed} requests passed, ${refused} refused, FUSEBOARD_SEED=${SEED}`);
  if (stricter.size > 0) console.log('refused though a strict reading takes them:', Object.fromEntries(stricter));
});

/** A request as node:http understood it. */
interface Arrived {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly Header[];
  readonly trailers: readonly Header[];
  readonly body: string;
}

function pairs(raw: readonly string[]): Header[] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? ''] as const);
}

/** A proxy with an upstream of its own, used by one client after the other. */
class Lane {
  /** Whole requests, in order; the answer to each carries its place. */
  readonly arrived: Arrived[] = [];
  readonly #wires: { bytes: string; whole: number }[] = [];
  readonly plane: DataPlane;
  /** Kept from case to case for as long as it is in step: connections are dear where each leaves a trace for minutes. */
  caller: QuickClient | undefined;

  private constructor(plane: DataPlane) {
    this.plane = plane;
  }

  static async start(): Promise<Lane> {
    const server = createServer((incoming, response) => void lane.#answer(incoming, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanup.add(() => server.close().closeAllConnections());
    const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const lane = new Lane(await startDataPlane(cleanup, [route({ targets: [target], limits: { maxRequestsPerConnection: 40 } })], TIMEOUTS));
    server.on('connection', (socket: Socket) => {
      const wire = { bytes: '', whole: 0 };
      lane.#wires.push(wire);
      socket.on('data', (chunk: Buffer) => (wire.bytes += chunk.toString('latin1')));
      socket.on('error', () => undefined);
    });
    server.on('clientError', (error, socket) => {
      // Breaking off is how the proxy takes a request back; everything else would be bytes that it ought not to send.
      if (!/ECONNRESET|HPE_INVALID_EOF_STATE/.test((error as NodeJS.ErrnoException).code ?? '')) lane.complaint = error.message;
      socket.destroy();
    });
    return lane;
  }

  /** What node:http couldn't read. */
  complaint: string | undefined;

  async #answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = '';
    incoming.on('data', (chunk: Buffer) => (body += chunk.toString('latin1')));
    await new Promise<void>((resolve) => incoming.on('error', () => resolve()).on('close', resolve));
    if (!incoming.complete) return;
    const { method = '', url = '', rawHeaders, rawTrailers } = incoming;
    this.arrived.push({ method, url, headers: pairs(rawHeaders), trailers: pairs(rawTrailers), body });
    response.setHeader('x-place', String(this.arrived.length - 1));
    response.end('served');
  }

  /** Whole requests that our own reading finds behind the proxy since the last look. */
  takeOwnReading(): Message[] {
    return this.#wires.flatMap((wire) => {
      const reading = readRequests(wire.bytes);
      if (reading.tail.kind === 'fault') throw new Error(`the upstream was sent ${JSON.stringify(wire.bytes)}: ${reading.tail.why}`);
      wire.bytes = wire.bytes.slice(reading.messages.at(-1)?.to ?? 0);
      return reading.messages;
    });
  }
}

/** Framing and Expect are the proxy's to write, and the last four are what it adds. */
const REWRITTEN = new Set(['content-length', 'expect', 'host', 'via', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host']);

/** What must arrive where a request is passed on. */
function expected({ line: [method, target], headers, body }: Message) {
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(target);
  const authority = absolute?.[1] ?? valuesOf(headers, 'host')[0] ?? '';
  const rest = absolute?.[2] ?? target;
  const path = rest === '' ? '/' : rest.startsWith('?') ? `/${rest}` : rest;
  const url = absolute !== null && rest === '' && method === 'OPTIONS' ? '*' : path;
  return { method, url, host: authority, headers: endToEnd(headers, REWRITTEN), body };
}

function seen({ method, url, headers, body }: Arrived) {
  return { method, url, host: valuesOf(headers, 'host').join(' and '), headers: endToEnd(headers, REWRITTEN), body };
}

const isOurs = (authority: string, port: number): boolean => new RegExp(`^api\\.test\\.?(?::(?:0*80|0*${port}))?$`, 'i').test(authority);

async function runCase(lane: Lane, chance: Chance): Promise<void> {
  const bytes = mutated(chance, SEEDS);
  const strict = readRequests(bytes);
  const before = lane.arrived.length;
  const caller = QuickClient.next(lane.caller, lane.plane.port);
  lane.caller = caller;
  try {
    await writeInPieces(chance, caller.socket, bytes);
    const methods = strict.messages.map(({ line }) => line[0]);
    const isAnswered = (): boolean => /^(?:none|incomplete)$/.test(strict.tail.kind) && answersIn(caller.text, methods).length >= methods.length;
    await caller.until(isAnswered);
    // What is sent next would be taken for the rest of this.
    if (strict.tail.kind !== 'none' || CLOSES.test(caller.text)) caller.socket.destroy();
    await eventually(() => lane.plane.proxy.stats().callsInFlight === 0 || undefined, { what: 'the end of its calls', everyMs: 1 });
    if (STALLED.test(caller.text)) lane.takeOwnReading();
    else judge(lane, { strict, text: caller.text, before });
  } catch (error) {
    throw new Error(`sent ${JSON.stringify(bytes)}, got ${JSON.stringify(caller.text)}`, { cause: error });
  }
}

/** A refusal of what was a HEAD may have its length alone, or come with its text from a parser that got no further. */
function readAnswers(text: string, methods: readonly string[]): Reading {
  const last = readResponses(text, methods).messages.filter(({ line }) => !isInterim(line[1])).length - 1;
  const readings = [methods, [...methods, 'HEAD'], methods.map((method, at) => (at === last ? 'GET' : method))].map((tried) => readResponses(text, tried));
  return readings.find(({ tail }) => tail.kind === 'none') ?? readings[0]!;
}

function answersIn(text: string, methods: readonly string[]): Message[] {
  return readAnswers(text, methods).messages.filter(({ line }) => !isInterim(line[1]));
}

interface Case {
  readonly strict: Reading;
  readonly text: string;
  /** Requests that had arrived before. */
  readonly before: number;
}

function judge(lane: Lane, { strict, text, before }: Case): void {
  const { messages, tail } = strict;
  const methods = messages.map(({ line }) => line[0]);
  const answers = answersIn(text, methods);
  const arrived = lane.arrived.slice(before);
  expect(lane.complaint).toBeUndefined();
  expect(lane.takeOwnReading().map(({ line, body }) => [line[0], line[1], body])).toEqual(arrived.map(({ method, url, body }) => [method, url, body]));
  let place = before;
  answers.forEach(({ line: [, status], headers }, i) => {
    const request = messages[i];
    const isLast = i === answers.length - 1;
    if (valuesOf(headers, 'x-place')[0] !== undefined) {
      if (request === undefined) throw new Error(`one more request was passed on than there are: ${tail.kind}`);
      expect(Number(valuesOf(headers, 'x-place')[0])).toBe(place);
      expect(seen(lane.arrived[place++]!)).toEqual(expected(request));
      if (!isOurs(expected(request).host, lane.plane.port)) throw new Error('nobody is known by this name');
      counts.passed++;
      return;
    }
    expect(status).toMatch(/^[45]/);
    const isClosing = membersOf(headers, 'connection').includes('close');
    if (status !== '404' || isClosing) expect([isLast, isClosing]).toEqual([true, true]);
    counts.refused++;
    if (request !== undefined && status !== '404') tell(text);
  });
  expect(place - before).toBe(arrived.length);
  // Where all is clear, all is answered; the connection may end behind an answer that says so.
  const isParted = answers.some(({ headers }) => membersOf(headers, 'connection').includes('close'));
  // A name that nobody knows is refused at its head, be its body still to come.
  const isAhead = tail.kind === 'incomplete' && answers.length > messages.length && answers.at(-1)?.line[1] === '404';
  if (!isParted) expect(answers.length).toBe(messages.length + (isAhead ? 1 : 0));
  if (tail.kind === 'fault') expect(isParted).toBe(true);
  expect(readAnswers(text, methods).tail.kind).toBe('none');
}

/** Where the proxy is stricter than our reading: its methods, targets and names, mostly. */
function tell(text: string): void {
  const why = (/\r\n\r\n([^\r\n]*)\n$/.exec(text)?.[1] ?? '').slice(0, 12);
  counts.stricter.set(why, (counts.stricter.get(why) ?? 0) + 1);
}

it('whatever bytes come: what goes on is one clear reading of them, the rest is refused once, and the next caller is served', { timeout: 120_000 }, async () => {
  const lanes = await Promise.all(Array.from({ length: LANES }, () => Lane.start()));
  const endMs = performance.now() + TIME_MS;
  cleanup.add(() => lanes.forEach(({ caller }) => caller?.socket.destroy()));
  await Promise.all(
    lanes.map(async (lane) => {
      while (counts.cases < CASES_MAX && performance.now() < endMs) {
        const offset = counts.cases++;
        await runCase(lane, new Chance(SEED + offset)).catch((error: unknown) => {
          throw new Error(repeatedBy(offset), { cause: error });
        });
        if (offset % 50 === 0) await clean(lane);
      }
      await clean(lane);
    }),
  );
  // Else it would prove little.
  expect(counts.cases < 1_000 || Math.min(counts.passed, counts.refused) > counts.cases / 10).toBe(true);
});

async function clean(lane: Lane): Promise<void> {
  expect((await call(lane.plane.port, { headers: { connection: 'close' } })).status).toBe(200);
  lane.takeOwnReading();
}

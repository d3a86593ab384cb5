/**
 * Answers that are broken by chance. What the caller gets is held against what a strict reading of the upstream's bytes
 * says: that answer, an error of the proxy's own, or an answer that breaks off; never a made-up end, never bytes of one
 * call in the answer to another. FUSEBOARD_SEED repeats a run, FUSEBOARD_CASES says how many cases there are (default
 * 20,000, or as many as fit into 20 s).
 */
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { Chance } from '../support/chance.ts';
import { Cleanup, route, startDataPlane, startRawUpstream, type DataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { CASES_MAX, mutated, repeatedBy, SEED, writeInPieces } from '../support/http-mutation.ts';
import { QuickClient } from '../support/quick-client.ts';
import { endToEnd, isInterim, readResponses, valuesOf, type Message } from '../support/raw-http.ts';

const TIME_MS = 20_000;
const LANES = 40;
const HEAD = 'X-A: b\r\nDate: Tue, 01 Sep 2026 00:00:00 GMT\r\n';
const SEEDS = [
  `HTTP/1.1 200 OK\r\n${HEAD}Content-Length: 5\r\n\r\nhello`,
  `HTTP/1.1 404 Not Found\r\n${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3;a=b\r\nabc\r\n0\r\n\r\n`,
  `HTTP/1.1 200 OK\r\n${HEAD}Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n`,
  `HTTP/1.1 204 No Content\r\n${HEAD}\r\n`,
  `HTTP/1.1 304 Not Modified\r\n${HEAD}Content-Length: 5\r\n\r\n`,
  `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n${HEAD}Content-Length: 2\r\n\r\nok`,
  `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\n${HEAD}Connection: close\r\nContent-Length: 0\r\n\r\n`,
  `HTTP/1.0 200 OK\r\n${HEAD}\r\nuntil the end`,
  `HTTP/1.1 200 OK\r\n${HEAD}Connection: X-A\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n`,
  `HTTP/1.1 200 OK\r\n${HEAD}Content-Length: 4\r\n\r\nfullHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nextra`,
];

const cleanup = new Cleanup();
const counts = { cases: 0, passed: 0, refused: 0, brokenOff: 0, stricter: 0 };
afterAll(async () => {
  await cleanup.run();
  const { cases, passed, refused, brokenOff, stricter } = counts;
  console.log(`http-proxy-fuzz-responses: ${cases} cases, ${passed} answers passed, ${brokenOff} broken off, ${refused} refused, ${stricter} of them readable, FUSEBOARD_SEED=${SEED}`);
});

/** What the upstream says to the request of this path, and to no other: one may come late on a machine that stands still. */
interface Script {
  readonly path: string;
  readonly bytes: string;
  readonly closes: boolean;
  readonly chance: Chance;
}

class Lane {
  script: Script | undefined;
  /** Kept from case to case for as long as it is open: connections are dear where each leaves a trace for minutes. */
  caller: QuickClient | undefined;
  #served = 0;
  readonly plane: DataPlane;

  private constructor(plane: DataPlane) {
    this.plane = plane;
  }

  static async start(): Promise<Lane> {
    const upstream = await startRawUpstream(cleanup, (socket) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1');
        if (!text.endsWith('\r\n\r\n')) return;
        const [, path = ''] = text.split(' ');
        text = '';
        void lane.#speak(socket, path);
      });
      socket.on('end', () => socket.end());
    });
    const timeouts = { responseHeadMs: 300, idleMs: 300, closeMs: 50 };
    const lane = new Lane(await startDataPlane(cleanup, [route({ targets: [upstream.target] })], { timeouts }));
    return lane;
  }

  /** The number of the last clean answer. */
  get served(): number {
    return this.#served;
  }

  async #speak(socket: Socket, path: string): Promise<void> {
    const { script } = this;
    if (script?.path !== path) {
      socket.write(`HTTP/1.1 200 OK\r\nX-Number: ${++this.#served}\r\nContent-Length: 5\r\n\r\nclean`);
      return;
    }
    await writeInPieces(script.chance, socket, script.bytes);
    if (script.closes && socket.writable) socket.end();
  }
}

/** Sends a request and reads its answer; undefined: it broke off. */
async function ask(caller: QuickClient, method: string, path: string): Promise<Message | undefined> {
  caller.text = '';
  caller.socket.write(`${method} ${path} HTTP/1.1\r\nHost: api.test\r\n\r\n`);
  await caller.until(() => answerIn(caller.text, method) !== undefined);
  return answerIn(caller.text, method);
}

/** Nothing may end by the connection's end alone here: a caller couldn't tell whether it is whole. */
function answerIn(text: string, method: string): Message | undefined {
  const { messages, tail } = readResponses(text, [method], false);
  if (tail.kind === 'fault') throw new Error(`the caller was sent ${JSON.stringify(text)}: ${tail.why}`);
  const [answer, ...more] = messages.filter(({ line }) => !isInterim(line[1]));
  if (more.length > 0) throw new Error('two answers');
  return answer;
}

const REWRITTEN = new Set(['content-length', 'via']);

function view({ line: [, status], headers, body }: Message) {
  return { status, headers: endToEnd(headers, REWRITTEN), body };
}

async function runCase(lane: Lane, { chance, path }: { readonly chance: Chance; readonly path: string }): Promise<void> {
  const bytes = mutated(chance, SEEDS);
  const method = chance.below(6) === 0 ? 'HEAD' : 'GET';
  const closes = chance.below(6) > 0;
  lane.script = { path, bytes, closes, chance };
  const before = lane.plane.calls.length;
  const caller = QuickClient.next(lane.caller, lane.plane.port);
  lane.caller = caller;
  try {
    const answer = await ask(caller, method, path);
    judge(answer, { bytes, method, closes });
    await eventually(() => lane.plane.calls.length === before + 1 || undefined, { what: 'the end of the call', everyMs: 1 });
    if (isSpoilt(bytes, method)) await eventually(() => lane.plane.proxy.stats().routes[0]?.connections === 0 || undefined, { what: 'the end of the connection', everyMs: 1 });
    const next = caller.isClosed || answer === undefined ? undefined : await ask(caller, 'GET', '/clean');
    // A machine that stands still for a while makes it a 504.
    if (next !== undefined && next.line[1] !== '504') assert.deepEqual([next.line[1], next.body, valuesOf(next.headers, 'x-number')], ['200', 'clean', [String(lane.served)]]);
    expect(lane.plane.outcomes.length).toBe(lane.plane.calls.length);
  } catch (error) {
    throw new Error(`${method}: the upstream said ${JSON.stringify(bytes)}${closes ? ' and closed' : ''}, the caller got ${JSON.stringify(caller.text)}`, { cause: error });
  }
}

interface Said {
  readonly bytes: string;
  readonly method: string;
  readonly closes: boolean;
}

/**
 * The upstream said no answer, or more than one: its connection may not be used again. Nor behind an empty line: where that
 * comes in two halves, the upstream would write its next answer between them.
 */
function isSpoilt(bytes: string, method: string): boolean {
  const strict = finalOf(bytes, method, false);
  return strict === undefined || strict.to < bytes.length;
}

/** Nobody asked for another protocol (101): nothing behind that is an answer. */
function finalOf(bytes: string, method: string, isEnded: boolean): Message | undefined {
  const { messages } = readResponses(bytes, [method], isEnded);
  const switching = messages.findIndex(({ line }) => line[1] === '101');
  return messages.slice(0, switching === -1 ? undefined : switching).find(({ line }) => !isInterim(line[1]));
}

function judge(answer: Message | undefined, { bytes, method, closes }: Said): void {
  const strict = finalOf(bytes, method, closes);
  const isOwn = answer !== undefined && valuesOf(answer.headers, 'x-fuseboard-error').length > 0;
  if (isOwn) {
    expect(answer.line[1]).toMatch(/^50[24]$/);
    counts.refused++;
    if (strict !== undefined) counts.stricter++;
  } else if (answer === undefined) {
    counts.brokenOff++;
  } else {
    if (strict === undefined) throw new Error('an answer was made of what is none');
    expect(view(answer)).toEqual(view(strict));
    counts.passed++;
  }
}

it('whatever an upstream says: its answer, an error or a broken end comes of it, and the next call gets its own', { timeout: 120_000 }, async () => {
  const lanes = await Promise.all(Array.from({ length: LANES }, () => Lane.start()));
  const endMs = performance.now() + TIME_MS;
  cleanup.add(() => lanes.forEach(({ caller }) => caller?.socket.destroy()));
  await Promise.all(
    lanes.map(async (lane) => {
      while (counts.cases < CASES_MAX && performance.now() < endMs) {
        const offset = counts.cases++;
        await runCase(lane, { chance: new Chance(SEED + offset), path: `/${offset}` }).catch((error: unknown) => {
          throw new Error(repeatedBy(offset), { cause: error });
        });
      }
    }),
  );
  // Else it would prove little.
  expect(counts.cases < 1_000 || Math.min(counts.passed, counts.refused) > counts.cases / 10).toBe(true);
  for (const { plane } of lanes) await expect.poll(() => plane.proxy.stats()).toMatchObject({ callsInFlight: 0, routes: [{ inFlight: 0, pending: 0 }] });
});

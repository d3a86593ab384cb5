/**
 * Never one call's answer for another: 100,000 calls, each with a number that its request, its body and its answer
 * carry, while clients leave, send ahead and are refused, and upstreams reset, break off, close and say too much.
 */
import { connect, type Socket } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { Chance } from '../support/chance.ts';
import { ADMIT, Cleanup, route, startDataPlane, startRawUpstream, type DataPlane } from '../support/data-plane.ts';
import { readResponses, valuesOf } from '../support/raw-http.ts';

const CALLS = 100_000;
const CLIENTS = 24;
const BATCH_MAX = 16;

const cleanup = new Cleanup();
const crossed: string[] = [];
const counts = { sent: 0, own: 0, refused: 0, unanswered: 0 };
afterAll(async () => {
  await cleanup.run();
  console.log(`http-proxy-crossing: ${JSON.stringify(counts)}`);
});

const every = (id: number, nth: number): boolean => id % nth === 0;

/** An upstream that does by its number what upstreams do to connections. */
function answer(socket: Socket, id: number): void {
  const whole = `HTTP/1.1 200 OK\r\nX-Id: ${id}\r\nContent-Length: ${String(id).length + 2}\r\n\r\n<${id}>`;
  if (every(id, 211)) socket.resetAndDestroy();
  else if (every(id, 199)) socket.write(whole.slice(0, -2), () => socket.resetAndDestroy());
  else if (every(id, 197)) socket.end(whole.slice(0, -2));
  else if (every(id, 193)) setTimeout(() => socket.write(whole), 3);
  else if (every(id, 191)) socket.write(`${whole}HTTP/1.1 200 OK\r\nX-Id: 0\r\nContent-Length: 3\r\n\r\n<0>`);
  else if (every(id, 61)) socket.end(whole.replace('\r\n', '\r\nConnection: close\r\n'));
  else if (every(id, 7)) socket.write(`HTTP/1.1 200 OK\r\nX-Id: ${id}\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n<\r\n${(String(id).length + 1).toString(16)}\r\n${id}>\r\n0\r\n\r\n`);
  else socket.write(whole);
}

async function startUpstream(): Promise<string> {
  const { target } = await startRawUpstream(cleanup, (socket) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      if (head === -1) return;
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1] ?? 0);
      if (text.length < head + 4 + length) return;
      const id = Number(/^[A-Z]+ \/(\d+) /.exec(text)?.[1]);
      // A request's body is its number too, and nothing is sent behind it before it is answered.
      if (length > 0 && text.slice(head + 4) !== `[${id}]`) crossed.push(`the request ${text}`);
      text = '';
      answer(socket, id);
    });
    socket.on('end', () => socket.end());
  });
  return target;
}

function requestOf(id: number): string {
  const body = `[${id}]`;
  return every(id, 3) ? `POST /${id} HTTP/1.1\r\nHost: api.test\r\nContent-Length: ${body.length}\r\n\r\n${body}` : `GET /${id} HTTP/1.1\r\nHost: api.test\r\n\r\n`;
}

class Client {
  readonly #port: number;
  #socket: Socket | undefined;
  #text = '';
  #look = (): void => undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends these calls ahead of each other, reads what comes of them, and leaves early if told to. */
  async send(ids: readonly number[], leaves: boolean): Promise<void> {
    const socket = (this.#socket ??= this.#connect());
    this.#text = '';
    socket.write(ids.map(requestOf).join(''));
    await new Promise<void>((resolve) => {
      this.#look = () => {
        const came = this.#text.split('HTTP/1.1 ').length - 1;
        if (this.#socket === undefined || (leaves && came > 0) || (came >= ids.length && answersIn(this.#text).length >= ids.length)) resolve();
      };
      this.#look();
    });
    if (leaves) this.leave();
    judge(ids, answersIn(this.#text));
  }

  leave(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  #connect(): Socket {
    const socket = connect({ host: '127.0.0.1', port: this.#port, noDelay: true });
    return socket
      .on('data', (chunk) => {
        if (this.#socket === socket) this.#text += chunk.toString('latin1');
        this.#look();
      })
      .on('error', () => undefined)
      .on('close', () => {
        if (this.#socket === socket) this.#socket = undefined;
        this.#look();
      });
  }
}

function answersIn(text: string) {
  return readResponses(text, [], false).messages;
}

function judge(ids: readonly number[], answers: ReturnType<typeof answersIn>): void {
  if (answers.length > ids.length) crossed.push(`${answers.length} answers to ${ids.length} calls`);
  answers.forEach(({ line, headers, body }, at) => {
    const [id] = valuesOf(headers, 'x-id');
    if (id === undefined && /^(?:502|503|409)$/.test(line[1])) counts.refused++;
    else if (id === String(ids[at]) && body === `<${id}>`) counts.own++;
    else crossed.push(`${ids[at]} got ${line[1]} ${id} ${body}`);
  });
  counts.unanswered += ids.length - answers.length;
}

async function drive(plane: DataPlane, chance: Chance): Promise<void> {
  const client = new Client(plane.port);
  cleanup.add(() => client.leave());
  while (counts.sent < CALLS) {
    const ids = Array.from({ length: 1 + chance.below(BATCH_MAX) }, () => ++counts.sent);
    // Now and then the breaker opens, and calls are refused between calls that are not.
    plane.decision = chance.below(100) === 0 ? { kind: 'refuse', degraded: { statusCode: 409, content: 'later' } } : ADMIT;
    await client.send(ids, chance.below(25) === 0);
  }
  client.leave();
}

it('100,000 calls under aborts, resets, refusals and pipelining: none gets another one’s answer', { timeout: 180_000 }, async () => {
  const limits = { maxConnections: 16, maxPendingRequests: 12, maxRequestsPerConnection: 500 };
  const plane = await startDataPlane(cleanup, [route({ targets: [await startUpstream(), await startUpstream()], limits })]);
  await Promise.all(Array.from({ length: CLIENTS }, (_, at) => drive(plane, new Chance(at))));
  expect(crossed).toEqual([]);
  // Else the rest of it would not have been tried.
  expect([counts.own > CALLS / 3, counts.refused > CALLS / 200, counts.unanswered > CALLS / 200]).toEqual([true, true, true]);
  await expect.poll(() => plane.proxy.stats()).toMatchObject({ callsInFlight: 0, routes: [{ inFlight: 0, pending: 0 }] });
  expect(plane.outcomes.length).toBeLessThanOrEqual(plane.calls.length);
});

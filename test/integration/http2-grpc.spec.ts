import { Client, credentials, Metadata, Server, ServerCredentials, status, type ClientDuplexStream, type ClientReadableStream, type ServiceError, type handleBidiStreamingCall, type handleServerStreamingCall, type handleUnaryCall } from '@grpc/grpc-js';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { Cleanup } from '../support/data-plane.ts';
import { http2Call, http2Client, startHttp2Stage, startHttp2Upstream, type StreamListener } from '../support/http2-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const text = { serialize: (value: string) => Buffer.from(value), deserialize: (bytes: Buffer) => bytes.toString() };
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: text.serialize,
  requestDeserialize: text.deserialize,
  responseSerialize: text.serialize,
  responseDeserialize: text.deserialize,
});
const SERVICE = {
  unary: method('/test.Echo/Unary', false, false),
  list: method('/test.Echo/List', false, true),
  chat: method('/test.Echo/Chat', true, true),
};

/** The first word says what becomes of the call. */
const unary: handleUnaryCall<string, string> = (call, callback) => {
  const [word, code] = call.request.split(' ');
  const metadata = new Metadata();
  metadata.set('x-trailer', 'yes');
  if (word === 'fail') callback({ code: Number(code), details: 'as you wish: 100 %', metadata });
  else if (word !== 'hang') callback(null, `${call.request} ${call.getPeer() === '' ? '' : call.metadata.get('x-forwarded-for').join()}`, metadata);
};
const list: handleServerStreamingCall<string, string> = (call) => {
  const [count, code] = call.request.split(' ');
  for (let i = 0; i < Number(count); i++) call.write(String(i));
  if (code === 'wait') return;
  if (code !== undefined) call.emit('error', { code: Number(code), details: 'enough' });
  else call.end();
};
let cancelled = 0;
const chat: handleBidiStreamingCall<string, string> = (call) => {
  call.on('data', (message: string) => call.write(`re: ${message}`));
  call.on('end', () => call.end());
  call.on('cancelled', () => cancelled++);
};

async function echo(options = {}, words = {}) {
  cancelled = 0;
  const server = new Server();
  server.addService(SERVICE, { unary, list, chat });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  cleanup.add(() => server.forceShutdown());
  const stage = await startHttp2Stage(cleanup, [{ protocol: 'grpc', targets: [`127.0.0.1:${port}`], ...words }], options);
  const client = new Client(`127.0.0.1:${stage.port}`, credentials.createInsecure(), { 'grpc.default_authority': 'api.test' });
  cleanup.add(() => client.close());
  const call = async (request: string, deadlineMs?: number): Promise<string | ServiceError> =>
    new Promise((resolve) => {
      const deadline = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
      const begun = client.makeUnaryRequest(SERVICE.unary.path, text.serialize, text.deserialize, request, deadline, (error, answer) => resolve(error ?? answer ?? ''));
      begun.on('error', () => undefined);
    });
  const listed = (request: string): ClientReadableStream<string> => client.makeServerStreamRequest(SERVICE.list.path, text.serialize, text.deserialize, request);
  const chatting = (): ClientDuplexStream<string, string> => client.makeBidiStreamRequest(SERVICE.chat.path, text.serialize, text.deserialize);
  return { stage, call, listed, chatting, server };
}

describe('a gRPC call through the proxy', () => {
  it('unary: its answer and trailers come back, and its status is the outcome', async () => {
    const { stage, call } = await echo();
    expect(await call('hello')).toBe('hello 127.0.0.1');
    expect(stage.outcomes).toMatchObject([{ result: { kind: 'grpc', code: 0 }, attempt: 1 }]);
    expect(stage.calls).toEqual([{ answer: 'upstream', statusCode: 200, route: 'test/api', upstream: 'api.test' }]);
  });

  it.each([1, 2, 4, 5, 8, 13, 14, 15, 16])('that ends with status %i tells it to the caller and as the outcome', async (code) => {
    const { stage, call } = await echo();
    const error = (await call(`fail ${code}`)) as ServiceError;
    expect(error).toMatchObject({ code, details: 'as you wish: 100 %' });
    expect(error.metadata.get('x-trailer')).toEqual(['yes']);
    expect(stage.outcomes).toMatchObject([{ result: { kind: 'grpc', code } }]);
  });

  it('server streaming: each message as it comes, the outcome at the trailers', async () => {
    const { stage, listed } = await echo();
    const messages: string[] = [];
    const stream = listed('1000');
    stream.on('data', (message: string) => messages.push(message));
    await once(stream, 'end');
    expect(messages).toHaveLength(1_000);
    await expect.poll(() => stage.outcomes).toMatchObject([{ result: { kind: 'grpc', code: 0 } }]);
    const failing = listed('3 14');
    expect(await once(failing.resume(), 'error')).toMatchObject([{ code: 14, details: 'enough' }]);
    await expect.poll(() => stage.outcomes.length).toBe(2);
  });

  it('bidirectional: message for message, and quiet for longer than any time-out', async () => {
    const { stage, chatting } = await echo({ timeouts: { idleMs: 100, responseHeadMs: 100, clientBodyMs: 100, clientKeepAliveMs: 100 } });
    const stream = chatting();
    const messages: string[] = [];
    stream.on('data', (message: string) => messages.push(message));
    for (const word of ['a', 'b']) {
      await new Promise((resolve) => setTimeout(resolve, 400));
      stream.write(word);
      await expect.poll(() => messages.at(-1)).toBe(`re: ${word}`);
    }
    expect(stage.outcomes).toEqual([]);
    stream.end();
    await once(stream, 'end');
    await expect.poll(() => stage.outcomes).toMatchObject([{ result: { kind: 'grpc', code: 0 } }]);
    // To the head, which came with the first answer.
    expect(stage.outcomes[0]!.durationMs).toBeLessThan(300);
  });

  it('that its client cancels is cancelled at the upstream, and is no outcome', async () => {
    const { stage, chatting } = await echo();
    const stream = chatting();
    stream.on('error', () => undefined);
    stream.write('a');
    await once(stream, 'data');
    stream.cancel();
    await expect.poll(() => cancelled).toBe(1);
    expect(stage.outcomes).toEqual([]);
    await expect.poll(() => stage.calls).toMatchObject([{ answer: 'client-abort' }]);
  });

  it('whose own deadline passes is no outcome; one that the proxy gives up is DEADLINE_EXCEEDED and a failure', async () => {
    const { stage, call } = await echo({ timeouts: { responseHeadMs: 300 } });
    expect(await call('hang', 100)).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    await expect.poll(() => stage.calls).toMatchObject([{ answer: 'client-abort' }]);
    expect(stage.outcomes).toEqual([]);
    expect(await call('hang')).toMatchObject({ code: status.DEADLINE_EXCEEDED, details: 'the upstream did not answer in time' });
    expect(stage.outcomes).toMatchObject([{ result: { kind: 'failure', failure: 'timeout' } }]);
  });

  it('to an open breaker fails with UNAVAILABLE and the content of its policy', async () => {
    const { stage, call } = await echo();
    stage.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'Demnächst …' }, untilMs: Date.now() + 5_000 };
    const error = (await call('hello')) as ServiceError;
    expect(error).toMatchObject({ code: status.UNAVAILABLE, details: 'Demnächst …' });
    expect(error.metadata.get('x-fuseboard-state')).toEqual(['open']);
  });

  it('that loses its upstream in the middle ends with UNAVAILABLE and a failure', async () => {
    const { stage, listed, server } = await echo();
    const stream = listed('3 wait');
    const messages: string[] = [];
    stream.on('data', (message: string) => messages.push(message));
    await expect.poll(() => messages).toHaveLength(3);
    server.forceShutdown();
    const [error] = (await once(stream, 'error')) as [ServiceError];
    expect(error).toMatchObject({ code: status.UNAVAILABLE });
    expect(error.metadata.get('x-fuseboard-error')).toEqual(['reset']);
    expect(stage.outcomes).toMatchObject([{ result: { kind: 'failure', failure: 'reset' } }]);
  });
});

describe('an upstream of gRPC calls', () => {
  const cases: readonly (readonly [title: string, result: object, listener: StreamListener])[] = [
    ['answers by trailers alone', { kind: 'grpc', code: 14 }, (stream) => stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' }, { endStream: true })],
    ['gives a status beyond the list: UNKNOWN', { kind: 'grpc', code: 2 }, (stream) => stream.respond({ ':status': 200, 'grpc-status': '99' }, { endStream: true })],
    ['gives a status that is no number: UNKNOWN', { kind: 'grpc', code: 2 }, (stream) => stream.respond({ ':status': 200, 'grpc-status': 'x' }, { endStream: true })],
    ['answers another HTTP status than 200', { kind: 'status', code: 503 }, (stream) => stream.respond({ ':status': 503 }, { endStream: true })],
    ['gives no status at all', { kind: 'failure', failure: 'bad-response' }, (stream) => stream.respond({ ':status': 200 }, { endStream: true })],
    ['resets the stream', { kind: 'failure', failure: 'reset' }, (stream) => stream.close(2)],
  ];
  it.each(cases)('that %s', async (...[, result, listener]) => {
    const upstream = await startHttp2Upstream(cleanup, listener);
    const stage = await startHttp2Stage(cleanup, [{ protocol: 'grpc', targets: [upstream.target] }]);
    await http2Call(http2Client(cleanup, stage.port), { method: 'POST', headers: ['content-type', 'application/grpc+proto'], body: 'x' });
    expect(stage.outcomes.map((outcome) => outcome.result)).toEqual([result]);
  });

  it('is judged by HTTP status where the call is none of gRPC, and answered so too', async () => {
    const upstream = await startHttp2Upstream(cleanup, (stream) => stream.respond({ ':status': 200 }, { endStream: true }));
    const stage = await startHttp2Stage(cleanup, [{ protocol: 'grpc', targets: [upstream.target] }]);
    const session = http2Client(cleanup, stage.port);
    await http2Call(session, { headers: ['content-type', 'application/grpc-web'] });
    expect(stage.outcomes).toMatchObject([{ result: { kind: 'status', code: 200 } }]);
    stage.decision = { kind: 'refuse', degraded: { statusCode: 409, content: 'soon' } };
    expect(await http2Call(session)).toMatchObject({ status: 409, body: 'soon' });
  });
});

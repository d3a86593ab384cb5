/** A data plane that tells a tracer, the tracer being OpenTelemetry's: what goes on by each protocol, and which spans come of it. */
import { connect } from 'node:net';
import { sensitiveHeaders } from 'node:http2';
import { afterEach, expect, it } from 'vitest';
import type { CallTracer } from '#http-proxy';
import { Metrics, createLogger, readConfig } from '#runtime';
import { openTracing } from '../../apps/proxy/src/open-tracing.ts';
import { Cleanup, call, route, startDataPlane, startRawUpstream, startUpstream } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { http2Call, http2Client, startHttp2Stage, startHttp2Upstream } from '../support/http2-stage.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;

async function tracer(): Promise<{ readonly receiver: OtlpReceiver; readonly tracer: CallTracer }> {
  const receiver = await OtlpReceiver.start(cleanup);
  const config = readConfig({ role: 'standalone', argv: [], env: receiver.env });
  const logger = createLogger({ level: 'silent', process: 'test', instance: 'test' });
  const tracing = await openTracing({ config, logger, metrics: new Metrics({ process: 'test', version: '0', instance: 'test', processFigures: false }), health: undefined as never });
  if (tracing === undefined) throw new Error('traces are off');
  cleanup.add(() => tracing.close(100));
  return { receiver, tracer: tracing.tracer(() => ({ state: 'closed', judgedBy: 'fleet', generation: 3 })) };
}

it('HTTP/2 and gRPC: the hop is the upstream’s parent, all else goes on as it came, and the status is the trailers’', async () => {
  const { receiver, ...options } = await tracer();
  let seen: readonly string[] = [];
  const upstream = await startHttp2Upstream(cleanup, (stream, _headers, raw) => {
    seen = raw;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '14' }));
    stream.end();
  });
  const stage = await startHttp2Stage(cleanup, [{ protocol: 'grpc', targets: [upstream.target] }], options);
  const headers = ['content-type', 'application/grpc', 'te', 'trailers', 'traceparent', PARENT, 'tracestate', 'a=1', 'tracestate', 'b=2', 'baggage', 'k=v', 'authorization', 'secret'];
  await http2Call(http2Client(cleanup, stage.port), { method: 'POST', path: '/s.S/M?q=1', headers: Object.assign(headers, { [sensitiveHeaders]: ['authorization'] }), body: '' });
  const { server, decisions, hops } = await receiver.call(TRACE);
  expect(server.attributes).toMatchObject({ 'network.protocol.version': '2', 'url.path': '/s.S/M', 'server.address': 'api.test', 'fuseboard.answer': 'upstream' });
  expect([server.traceState, decisions.length]).toEqual(['a=1,b=2', 1]);
  expect(hops.map(({ attributes, isError }) => [attributes['rpc.response.status_code'], attributes['error.type'], isError])).toEqual([['UNAVAILABLE', 'UNAVAILABLE', true]]);
  const passed = seen.join('\n');
  expect(passed).toContain('tracestate\na=1\ntracestate\nb=2\nbaggage\nk=v\nauthorization\nsecret');
  expect(passed).toContain(`traceparent\n00-${TRACE}-${hops[0]?.spanId}-01`);
  expect(passed.match(/traceparent/g)).toHaveLength(1);
});

it('HTTP/2: a refused call has no hop', async () => {
  const { receiver, ...options } = await tracer();
  const stage = await startHttp2Stage(cleanup, [{ protocol: 'h2c', targets: ['127.0.0.1:1'] }], options);
  stage.decision = { kind: 'refuse', degraded: { statusCode: 503, content: 'later' } };
  await http2Call(http2Client(cleanup, stage.port), { headers: ['traceparent', PARENT] });
  const { server, decisions, hops } = await receiver.call(TRACE);
  expect([server.isError, server.attributes['fuseboard.decision'], decisions.length, hops]).toEqual([true, 'refused', 1, []]);
});

it('HTTP/1: one traceparent goes on, however it was spelled; two are none; a body and an absolute target are no matter', async () => {
  const { receiver, ...options } = await tracer();
  const seen: (readonly string[])[] = [];
  const { target } = await startUpstream(cleanup, (request, response) => {
    seen.push(request.rawHeaders);
    request.resume().on('end', () => response.end());
  });
  const { port } = await startDataPlane(cleanup, [route({ targets: [target] })], options);
  await call(port, { method: 'POST', path: 'http://api.test/a', headers: { host: 'api.test', TraceParent: PARENT }, body: 'a body' });
  const { hops } = await receiver.call(TRACE);
  const parents = (raw: readonly string[] = []): string[] => raw.flatMap((name, n) => (n % 2 === 0 && name.toLowerCase() === 'traceparent' ? [`${name}: ${raw[n + 1]}`] : []));
  expect(parents(seen[0])).toEqual([`traceparent: 00-${TRACE}-${hops[0]?.spanId}-01`]);
  const client = connect(port, '127.0.0.1', () => client.write(`GET / HTTP/1.1\r\nHost: api.test\r\ntraceparent: ${PARENT}\r\ntraceparent: ${PARENT}\r\n\r\n`));
  cleanup.add(() => client.destroy());
  await eventually(() => seen[1], { what: 'the second call' });
  expect(parents(seen[1])).toEqual([expect.not.stringContaining(TRACE)]);
});

it('an upstream that breaks off behind its head, and a client that leaves, end their spans', async () => {
  const { receiver, ...options } = await tracer();
  let isAsked = false;
  const upstream = await startRawUpstream(cleanup, (socket) => {
    socket.on('data', (chunk) => {
      if (chunk.toString().startsWith('GET /silent')) isAsked = true;
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', () => socket.resetAndDestroy());
    });
  });
  const { port } = await startDataPlane(cleanup, [route({ targets: [upstream.target] })], options);
  await call(port, { path: '/broken', headers: { host: 'api.test', traceparent: PARENT } }).catch(() => undefined);
  const broken = await receiver.call(TRACE);
  expect(broken.server).toMatchObject({ isError: true, attributes: { 'fuseboard.answer': 'reset', 'error.type': 'reset', 'http.response.status_code': 200 } });
  expect(broken.hops.map(({ attributes }) => [attributes['http.response.status_code'], attributes['error.type']])).toEqual([[200, 'reset']]);
  const left = TRACE.replaceAll('0', '1');
  const client = connect(port, '127.0.0.1', () => client.write(`GET /silent HTTP/1.1\r\nHost: api.test\r\ntraceparent: 00-${left}-b7ad6b7169203331-01\r\n\r\n`));
  await eventually(() => (isAsked ? true : undefined), { what: 'the call at the upstream' });
  client.destroy();
  const { server, hops } = await receiver.call(left);
  expect([server.isError, server.attributes['fuseboard.answer'], server.attributes['http.response.status_code']]).toEqual([false, 'client-abort', undefined]);
  expect(hops.map(({ attributes }) => attributes['error.type'])).toEqual(['client-abort']);
});

it('a call for nobody is a trace without decision and hop', async () => {
  const { receiver, ...options } = await tracer();
  const { port } = await startDataPlane(cleanup, [], options);
  await call(port, { headers: { host: 'nobody.test', traceparent: PARENT } });
  const { server, decisions, hops } = await receiver.call(TRACE);
  expect([server.attributes['fuseboard.answer'], server.attributes['http.response.status_code'], server.isError, decisions, hops]).toEqual(['not-found', 404, false, [], []]);
});

/** A proxy that traces, its collector real as far as a sender sees one: what spans there are, and what goes on. */
import { randomBytes } from 'node:crypto';
import { afterEach, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { Cleanup, call, type Answered } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { HOST, ProxyStage, directoryOf, snapshot, upstreamText } from '../support/proxy-stage.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const PARENT_SPAN = 'b7ad6b7169203331';
const newTrace = (): string => randomBytes(16).toString('hex');
const parentOf = (traceId: string, flags = '01'): string => `00-${traceId}-${PARENT_SPAN}-${flags}`;

interface Traced {
  readonly stage: ProxyStage;
  readonly receiver: OtlpReceiver;
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Answered>;
}

async function tracing(env: Readonly<Record<string, string>> = {}): Promise<Traced> {
  const receiver = await OtlpReceiver.start(cleanup);
  const stage = await ProxyStage.start(cleanup, () => ({ env: { FUSEBOARD_LOG_LEVEL: 'debug', ...receiver.env, ...env } }));
  stage.tellDocuments();
  stage.tellStates(snapshot());
  return { stage, receiver, get: (path, headers = {}) => call(stage.port, { path, headers: { host: HOST, ...headers } }) };
}

it('a call that goes through is three spans of its caller’s trace, and its hop is the upstream’s parent', async () => {
  const { stage, receiver, get } = await tracing();
  const traceId = newTrace();
  await get('/200?token=secret', { traceparent: parentOf(traceId), tracestate: 'a=1,b=2', baggage: 'k=v' });
  const { server, decisions, hops } = await receiver.call(traceId);
  expect([server.parentSpanId, server.traceState, server.name, server.isError]).toEqual([PARENT_SPAN, 'a=1,b=2', 'GET', false]);
  expect(server.attributes).toEqual({
    'http.request.method': 'GET', 'url.scheme': 'http', 'url.path': '/200', 'network.protocol.version': '1.1', 'server.address': HOST, 'server.port': 80, 'http.response.status_code': 200,
    'fuseboard.answer': 'upstream', 'fuseboard.decision': 'allowed', 'fuseboard.state': 'closed', 'fuseboard.judged_by': 'fleet', 'fuseboard.generation': 4, 'fuseboard.policy': 'test/shop', 'fuseboard.upstream': HOST,
  });
  expect(decisions.map(({ name, attributes }) => [name, attributes['fuseboard.state'], attributes['fuseboard.generation']])).toEqual([['fuseboard.decision', 'closed', 4]]);
  const [, port] = stage.target.split(':');
  expect(hops.map(({ attributes }) => attributes)).toEqual([{ 'http.request.method': 'GET', 'url.path': '/200', 'server.address': '127.0.0.1', 'server.port': Number(port), 'http.response.status_code': 200 }]);
  expect(stage.heard).toEqual([expect.objectContaining({ traceparent: `00-${traceId}-${hops[0]?.spanId}-01`, tracestate: 'a=1,b=2', baggage: 'k=v' })]);
  expect(server.resource).toMatchObject({ 'service.name': 'fuseboard', 'service.instance.id': stage.runtime.config.instance, 'telemetry.sdk.language': 'nodejs' });
  // The log's line about it leads there.
  expect(stage.lines.filter(({ trace_id }) => trace_id === traceId)).toEqual([expect.objectContaining({ level: 'debug', span_id: server.spanId, trace_flags: '01', upstream: HOST, answer: 'upstream', statusCode: 200 })]);
});

it('a refused call says by which state, and has no hop', async () => {
  const { stage, receiver, get } = await tracing();
  stage.tellStates(snapshot({ next: 11, generation: 5, state: 'open', admit: 0, untilMs: Date.now() + 60_000 }));
  const traceId = newTrace();
  expect((await get('/200', { traceparent: parentOf(traceId) })).status).toBe(520);
  const { server, decisions, hops } = await receiver.call(traceId);
  const refused = { 'fuseboard.decision': 'refused', 'fuseboard.state': 'open', 'fuseboard.generation': 5, 'fuseboard.upstream': HOST };
  expect(server).toMatchObject({ isError: true, attributes: { ...refused, 'fuseboard.answer': 'degraded', 'error.type': 'degraded', 'http.response.status_code': 520 } });
  expect([decisions.length, hops, stage.heard]).toEqual([1, [], []]);
  expect(decisions[0]?.attributes).toMatchObject(refused);
});

it.each([
  ['none', undefined],
  ['one that is none', 'ff-not-a-trace-01'],
  ['one of zeros', `00-${'0'.repeat(32)}-${PARENT_SPAN}-01`],
])('with %s from its caller a call is a trace of its own, and no tracestate goes on', async (_, traceparent) => {
  const { stage, receiver, get } = await tracing();
  await get('/200', { ...(traceparent === undefined ? {} : { traceparent }), tracestate: 'a=1' });
  const { traceId } = await eventually(() => receiver.spans[0], { what: 'a span' });
  const { server, hops } = await receiver.call(traceId);
  expect([server.parentSpanId, server.traceState]).toEqual(['', '']);
  expect(stage.heard[0]).toMatchObject({ traceparent: `00-${traceId}-${hops[0]?.spanId}-01` });
  expect(stage.heard[0]).not.toHaveProperty('tracestate');
});

it('who asks not to be sampled isn’t, unless the sampler asks nobody: the trace goes on all the same', async () => {
  const { stage, receiver, get } = await tracing();
  const [unsampled, sampled] = [newTrace(), newTrace()];
  await get('/200', { traceparent: parentOf(unsampled, '00'), tracestate: 'a=1' });
  await get('/200', { traceparent: parentOf(sampled) });
  await receiver.call(sampled);
  expect(receiver.ofTrace(unsampled)).toEqual([]);
  expect(stage.heard[0]?.['traceparent']).toMatch(new RegExp(`^00-${unsampled}-(?!${PARENT_SPAN})[0-9a-f]{16}-00$`));
  expect(stage.heard[0]).toMatchObject({ tracestate: 'a=1' });
  const always = await tracing({ OTEL_TRACES_SAMPLER: 'always_on' });
  await always.get('/200', { traceparent: parentOf(unsampled, '00') });
  expect((await always.receiver.call(unsampled)).server.parentSpanId).toBe(PARENT_SPAN);
});

it('by ratio, 0 samples none and 1 all of those without a caller’s word', async () => {
  const none = await tracing({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' });
  await none.get('/200', { traceparent: parentOf(newTrace()) });
  await none.stage.stop();
  expect([none.receiver.requests.length, none.stage.heard[0]?.['traceparent']]).toEqual([0, expect.stringMatching(/-00$/)]);
  const all = await tracing({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '1' });
  await all.get('/200');
  await eventually(() => all.receiver.spans.find(({ kind }) => kind === 'server'), { what: 'a span' });
});

it('without tracecontext among the propagators headers pass as they came', async () => {
  const { stage, receiver, get } = await tracing({ OTEL_PROPAGATORS: 'baggage' });
  const traceparent = parentOf(newTrace());
  await get('/200', { traceparent, tracestate: 'a=1' });
  await eventually(() => receiver.spans.find(({ kind, parentSpanId }) => kind === 'server' && parentSpanId === ''), { what: 'a span of its own' });
  expect(stage.heard[0]).toMatchObject({ traceparent, tracestate: 'a=1' });
});

it.each([
  ['refused', 502, 'refused'],
  ['response-timeout', 504, 'timeout'],
  ['reset', 502, 'reset'],
])('a hop that failed says how: %s', async (answer, status, errorType) => {
  const { stage, receiver, get } = await tracing({ FUSEBOARD_PROXY_RESPONSE_TIMEOUT: '100ms' });
  const nowhere = upstreamText('127.0.0.1:1');
  if (answer === 'refused') stage.tellDocuments(1, [nowhere]);
  const traceId = newTrace();
  const path = { refused: '/200', 'response-timeout': '/200?after=60000', reset: '/reset' }[answer] as string;
  expect((await get(path, { traceparent: parentOf(traceId) })).status).toBe(status);
  const { server, hops } = await receiver.call(traceId);
  expect(server).toMatchObject({ isError: true, attributes: { 'fuseboard.answer': answer, 'error.type': answer, 'http.response.status_code': status } });
  expect(hops.map((hop) => [hop.isError, hop.attributes['error.type']])).toEqual([[true, errorType]]);
});

it('each try is a hop behind a decision of its own', async () => {
  const { stage, receiver, get } = await tracing();
  stage.tellDocuments(1, [upstreamText(stage.target).replace('] }', '], retries: { attempts: 1, on: [503] } }')]);
  const traceId = newTrace();
  await get('/503', { traceparent: parentOf(traceId) });
  const { decisions, hops, server } = await receiver.call(traceId);
  expect([decisions.length, server.attributes['http.response.status_code'], server.isError]).toEqual([2, 503, true]);
  expect(hops.map(({ attributes }) => [attributes['http.response.status_code'], attributes['http.request.resend_count'], attributes['error.type']])).toEqual([[503, undefined, '503'], [503, 1, '503']]);
  expect(stage.heard.map(({ traceparent }) => traceparent)).toEqual(hops.map(({ spanId }) => `00-${traceId}-${spanId}-01`));
});

it('JSON, gzip, a path, headers and names of one’s own', async () => {
  const receiver = await OtlpReceiver.start(cleanup);
  const { get } = await tracing({
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `http://127.0.0.1:${receiver.port}/at/collector?tenant=1`,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc,x-tenant=7',
    OTEL_SERVICE_NAME: 'edge',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=pro%20d,service.name=other',
  });
  const traceId = newTrace();
  await get('/200', { traceparent: parentOf(traceId) });
  const { server, decisions, hops } = await receiver.call(traceId);
  expect([decisions.length, hops.length]).toEqual([1, 1]);
  expect(server.resource).toMatchObject({ 'service.name': 'edge', 'deployment.environment.name': 'pro d' });
  expect(receiver.requests[0]).toMatchObject({ path: '/at/collector?tenant=1', headers: { authorization: 'Bearer abc', 'x-tenant': '7', 'content-type': 'application/json', 'content-encoding': 'gzip' } });
});

it('by TLS: a collector is told whom its authority signed for, and sees our certificate', async () => {
  const authority = makeCertificate({ commonName: 'authority' });
  const ours = makeCertificate({ commonName: 'proxy', issuer: authority });
  const theirs = makeCertificate({ commonName: '127.0.0.1', issuer: authority });
  const receiver = await OtlpReceiver.start(cleanup, { cert: theirs.cert, key: theirs.key, ca: authority.cert, requestCert: true, rejectUnauthorized: true });
  const directory = directoryOf(cleanup, authority.cert, ours.cert, ours.key);
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: `https://127.0.0.1:${receiver.port}`, OTEL_EXPORTER_OTLP_TIMEOUT: '500' };
  const files = { OTEL_EXPORTER_OTLP_CERTIFICATE: `${directory}/0.yaml`, OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE: `${directory}/1.yaml`, OTEL_EXPORTER_OTLP_CLIENT_KEY: `${directory}/2.yaml` };
  const { get } = await tracing({ ...endpoint, ...files });
  const traceId = newTrace();
  await get('/200', { traceparent: parentOf(traceId) });
  expect((await receiver.call(traceId)).hops.length).toBe(1);
  const stranger = await tracing(endpoint);
  await stranger.get('/200');
  await eventually(() => stranger.stage.lines.find(({ level }) => level === 'warn'), { what: 'a word about the certificate' });
  await expect(tracing({ ...endpoint, ...files, OTEL_EXPORTER_OTLP_CLIENT_KEY: `${directory}/0.yaml` })).rejects.toThrow(/^OTEL_EXPORTER_OTLP_CLIENT_KEY: .*holds no private key/);
});

it('a collector that is away is said once each time, counted, and seen again; calls do not notice', async () => {
  const { stage, receiver, get } = await tracing({ OTEL_EXPORTER_OTLP_TIMEOUT: '200', OTEL_EXPORTER_OTLP_HEADERS: 'authorization=canary7f3a9c' });
  receiver.answer = 401;
  const fates = async (): Promise<Readonly<Record<string, number>>> => {
    const metric = await stage.runtime.metrics.registry.getSingleMetric('fuseboard_trace_spans_total')?.get();
    return Object.fromEntries((metric?.values ?? []).map(({ labels, value }) => [String((labels as { fate?: string }).fate), value]));
  };
  expect(await fates()).toEqual({ exported: 0, failed: 0, dropped: 0 });
  for (const failed of [3, 6]) {
    expect((await get('/200')).status).toBe(200);
    await eventually(async () => ((await fates())['failed'] === failed ? true : undefined), { what: `${failed} spans that failed` });
  }
  expect(stage.lines.filter(({ level }) => level === 'warn').map(({ msg }) => msg)).toEqual([expect.stringMatching(/^traces could not be told to http:\/\/127\.0\.0\.1:\d+ \(HTTP 401\)/)]);
  receiver.answer = 200;
  await get('/200');
  await eventually(() => stage.lines.find(({ msg }) => msg.endsWith('again')), { what: 'a word that it is there' });
  // A call's spans may leave in two batches.
  await expect.poll(fates).toEqual({ exported: 3, failed: 6, dropped: 0 });
  // Away once more, it is news once more.
  receiver.answer = 401;
  await get('/200');
  await eventually(() => (stage.lines.filter(({ msg }) => msg.startsWith('traces could not be told')).length === 2 ? true : undefined), { what: 'a second word' });
  expect(stage.lines.filter((line) => JSON.stringify(line).includes('canary7f3a9c'))).toEqual([]);
});

it('a collector that never answers costs spans beyond the queue, and neither calls nor the stop wait for it', async () => {
  const { stage, receiver, get } = await tracing({ OTEL_BSP_MAX_QUEUE_SIZE: '6', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '3', OTEL_BSP_SCHEDULE_DELAY: '10000' });
  receiver.answer = 'silence';
  await get('/200');
  await eventually(() => receiver.requests[0], { what: 'a batch on its way' });
  // Three are on their way, as many as a batch holds and no fewer by its delay; six wait.
  for (let n = 0; n < 5; n++) expect((await get('/200')).status).toBe(200);
  // A caller may have its answer before the call's spans have ended.
  await expect.poll(async () => (await stage.runtime.metrics.registry.metrics()).match(/^fuseboard_trace_spans_total.*$/gm)).toContain('fuseboard_trace_spans_total{fate="dropped"} 9');
  await stage.stop();
  expect(stage.lines.find(({ spans }) => spans === 9)?.msg).toMatch(/^9 spans could not be told to .* within 2000 ms and are lost$/);
});

it('the directory of a proxy of one process is served traced as well', async () => {
  const receiver = await OtlpReceiver.start(cleanup);
  const stage = await ProxyStage.start(cleanup, (target) => ({ env: receiver.env, directory: directoryOf(cleanup, upstreamText(target)) }));
  const traceId = newTrace();
  await call(stage.port, { path: '/200', headers: { host: HOST, traceparent: parentOf(traceId) } });
  expect((await receiver.call(traceId)).server.attributes).toMatchObject({ 'fuseboard.state': 'unknown', 'fuseboard.judged_by': 'nobody' });
});

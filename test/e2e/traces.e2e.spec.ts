/** Traces of the processes as users run them: off, on, and with workers. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, type TestContext } from 'vitest';
import { Cleanup, call, type Answered } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { OtlpReceiver } from '../support/otlp-receiver.ts';
import { Program, type Address } from '../support/program.ts';
import { policyText, upstreamText, HOST } from '../support/proxy-stage.ts';
import { startStandalone } from '../support/standalone.ts';

const DEADLINE_MS = 120_000;
/** Says each module of OpenTelemetry's SDK that the process loads. */
const PROBE = `--import=data:text/javascript,${encodeURIComponent("import{registerHooks}from'node:module';registerHooks({load(url,context,next){if(/@opentelemetry.(sdk|otlp|core|resources)/.test(url))console.error('probe: loaded');return next(url,context)}})")}`;

interface Stage {
  readonly configDir: string;
  readonly receiver: OtlpReceiver;
  /** Headers of the requests that the upstream got, as they lay on the wire. */
  readonly heard: (readonly string[])[];
}

async function openStage({ onTestFinished }: Pick<TestContext, 'onTestFinished'>): Promise<Stage> {
  const cleanup = new Cleanup();
  const configDir = await mkdtemp(join(tmpdir(), 'fuseboard-traces-'));
  const heard: (readonly string[])[] = [];
  const upstream = createServer((request, response) => {
    heard.push(request.rawHeaders);
    response.writeHead(Number(request.url?.slice(1))).end();
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  cleanup.add(() => {
    upstream.close();
    upstream.closeAllConnections();
  });
  const receiver = await OtlpReceiver.start(cleanup);
  onTestFinished(async () => {
    await cleanup.run();
    await rm(configDir, { recursive: true, force: true });
  });
  await writeFile(join(configDir, 'shop.yaml'), `${upstreamText(`127.0.0.1:${(upstream.address() as AddressInfo).port}`)}---\n${policyText()}`);
  return { configDir, receiver, heard };
}

const newTrace = (): string => randomBytes(16).toString('hex');

async function get({ port }: Address, status: number, traceId: string): Promise<Answered> {
  return await call(port, { path: `/${status}`, headers: { host: HOST, TraceParent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: 'a=1' } });
}

describe.concurrent('npm start', () => {
  it('off: nothing of it is loaded, no collector hears of a call, and trace headers pass as they came', { timeout: DEADLINE_MS }, async (context) => {
    const { configDir, receiver, heard } = await openStage(context);
    // What only says how doesn't switch it on, nor does an endpoint that is switched off.
    const standalone = await startStandalone({ configDir, dataDir: ':memory:', env: { ...receiver.env, OTEL_SDK_DISABLED: 'true', NODE_OPTIONS: PROBE } });
    context.onTestFinished(() => standalone.kill());
    const traceId = newTrace();
    expect((await get(standalone.addresses.proxy, 200, traceId)).status).toBe(200);
    const metrics = await (await fetch(`http://127.0.0.1:${standalone.addresses.console.port}/metrics`)).text();
    expect(await standalone.stop()).toBe(0);
    expect(heard.map((headers) => headers.join('\n'))).toEqual([expect.stringContaining(`TraceParent\n00-${traceId}-b7ad6b7169203331-01\ntracestate\na=1`)]);
    expect([receiver.requests, standalone.output.includes('probe: loaded'), metrics.includes('fuseboard_trace')]).toEqual([[], false, false]);
  });

  it('on: calls before and after a trip are told, the last of them by the stop', { timeout: DEADLINE_MS }, async (context) => {
    const { configDir, receiver, heard } = await openStage(context);
    // Nothing is due before the stop.
    const standalone = await startStandalone({ configDir, dataDir: ':memory:', env: { ...receiver.env, OTEL_BSP_SCHEDULE_DELAY: '600000', NODE_OPTIONS: PROBE } });
    context.onTestFinished(() => standalone.kill());
    const { proxy } = standalone.addresses;
    const closed = newTrace();
    expect((await get(proxy, 200, closed)).status).toBe(200);
    for (let n = 0; n < 3; n++) await get(proxy, 503, newTrace());
    const refused = await eventually(async () => {
      const traceId = newTrace();
      return (await get(proxy, 200, traceId)).status === 520 ? traceId : undefined;
    }, { what: 'a refused call' });
    expect(receiver.requests).toEqual([]);
    expect(await standalone.stop()).toBe(0);
    const [before, after] = [await receiver.call(closed), await receiver.call(refused)];
    expect([before.decisions.length, before.hops.length, before.server.attributes['fuseboard.state'], before.server.attributes['fuseboard.generation']]).toEqual([1, 1, 'closed', 1]);
    expect(heard[0]?.join('\n')).toContain(`traceparent\n00-${closed}-${before.hops[0]?.spanId}-01`);
    expect([after.hops, after.decisions[0]?.attributes]).toEqual([[], expect.objectContaining({ 'fuseboard.decision': 'refused', 'fuseboard.state': 'open', 'fuseboard.policy': 'test/shop' })]);
    expect(standalone.output).toContain('probe: loaded');
  });
});

it('a proxy’s workers each tell what they served, and the metrics are of all', { timeout: DEADLINE_MS }, async (context) => {
  const { configDir, receiver } = await openStage(context);
  const env = {
    FUSEBOARD_KAFKA_BROKERS: '127.0.0.1:1', FUSEBOARD_REDIS_URL: 'redis://127.0.0.1:1', FUSEBOARD_CONFIG_DIR: configDir, FUSEBOARD_PROXY_READY: 'serving',
    FUSEBOARD_PROXY_LISTEN: '127.0.0.1:0', FUSEBOARD_ADMIN_LISTEN: '127.0.0.1:0', FUSEBOARD_PROXY_WORKERS: '2', FUSEBOARD_LOG_LEVEL: 'debug',
  };
  const program = new Program({ name: 'proxy', env: { ...env, ...receiver.env } });
  context.onTestFinished(() => program.kill());
  const admin = await program.untilReady('admin');
  const proxy = await program.until('the proxy’s address', () => program.address('proxy'));
  const traces = [newTrace(), newTrace()];
  for (const traceId of traces) await get(proxy, 200, traceId);
  const instances = new Set<unknown>();
  for (const traceId of traces) instances.add((await receiver.call(traceId)).server.resource['service.instance.id']);
  expect(instances.size).toBe(2);
  await program.until('six spans that were told', async () => {
    const text = await (await fetch(`http://127.0.0.1:${admin.port}/metrics`)).text();
    return text.includes('fuseboard_trace_spans_total{fate="exported"} 6') ? true : undefined;
  });
  expect(program.log.filter(({ trace_id }) => traces.includes(String(trace_id))).length).toBe(2);
});

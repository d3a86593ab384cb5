import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { tracingConfig, type TracingConfig } from './tracing-config.ts';

const ON = { OTEL_TRACES_EXPORTER: 'otlp' };

function read(env: Readonly<Record<string, string>>): TracingConfig | undefined {
  const problems: string[] = [];
  const config = tracingConfig(env, problems);
  expect(problems).toEqual([]);
  return config;
}

function problemsOf(env: Readonly<Record<string, string>>): string[] {
  const problems: string[] = [];
  tracingConfig({ ...ON, ...env }, problems);
  return problems;
}

describe('traces are off', () => {
  it.each([
    ['without a word on them', {}],
    ['with variables that only say how', { OTEL_SERVICE_NAME: 'a', OTEL_TRACES_SAMPLER: 'always_on', OTEL_EXPORTER_OTLP_HEADERS: 'a=b' }],
    ['with OTEL_SDK_DISABLED', { ...ON, OTEL_SDK_DISABLED: 'TRUE' }],
    ['with no exporter, endpoint or not', { OTEL_TRACES_EXPORTER: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:1' }],
    ['with empty values', { OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
  ])('%s', (_, env) => {
    expect(read(env)).toBeUndefined();
  });

  it('and what else is wrong then stops no start', () => {
    expect(read({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER: 'jaeger_remote' })).toBeUndefined();
  });
});

it('an exporter or an endpoint switches them on, with the defaults of the specification', () => {
  const { endpoint, ...rest } = read(ON) as TracingConfig;
  expect(endpoint.reveal()).toBe('http://localhost:4318/v1/traces');
  expect(rest).toEqual({
    place: 'http://localhost:4318', protocol: 'http/protobuf', headers: {}, timeoutMs: 10_000, compression: 'none', tls: {}, sampler: 'parentbased_always_on', ratio: 1,
    propagates: true, serviceName: 'fuseboard', resource: {}, exportEachMs: 5_000, exportTimeoutMs: 30_000, queueMax: 2_048, batchMax: 512,
  });
  expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c:1/base/' })?.endpoint.reveal()).toBe('https://c:1/base/v1/traces');
  expect(read({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:1', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://d:1' })?.endpoint.reveal()).toBe('http://c:1/');
});

it('what is about traces comes before what is about every signal', () => {
  const env = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_TIMEOUT: '1', OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '2' };
  expect(read({ ...ON, ...env })).toMatchObject({ protocol: 'http/json', timeoutMs: 2 });
});

it('values as the specification writes them', () => {
  const env = {
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.01', OTEL_PROPAGATORS: 'baggage', OTEL_SERVICE_NAME: 'edge',
    OTEL_RESOURCE_ATTRIBUTES: 'k8s.pod.name=a%2Cb, team = x', OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20a=b', OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem', OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: '/c.pem', OTEL_EXPORTER_OTLP_CLIENT_KEY: '/k.pem',
  };
  const config = read({ ...ON, ...env }) as TracingConfig;
  expect(config).toMatchObject({
    sampler: 'parentbased_traceidratio', ratio: 0.01, propagates: false, serviceName: 'edge', resource: { 'k8s.pod.name': 'a,b', team: 'x' }, queueMax: 100, batchMax: 100,
    tls: { ca: { path: '/ca.pem', variable: 'OTEL_EXPORTER_OTLP_CERTIFICATE' }, cert: { path: '/c.pem', variable: 'OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE' }, key: { path: '/k.pem' } },
  });
  expect(Object.entries(config.headers).map(([name, value]) => [name, value.reveal()])).toEqual([['Authorization', 'Bearer a=b']]);
  expect(read({ ...ON, OTEL_RESOURCE_ATTRIBUTES: 'service.name=other' })).toMatchObject({ serviceName: 'other', resource: {} });
});

it.each([
  ['OTEL_TRACES_EXPORTER', 'zipkin', 'otlp, none'],
  ['OTEL_SDK_DISABLED', 'yes', 'true, false'],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', 'http/protobuf, http/json'],
  ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc', 'http/protobuf, http/json'],
  ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd', 'gzip, none'],
  ['OTEL_EXPORTER_OTLP_TIMEOUT', '10s', 'a whole number from 1 to 86400000'],
  ['OTEL_TRACES_SAMPLER', 'xray', 'always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio'],
  ['OTEL_PROPAGATORS', 'tracecontext,b3', 'tracecontext, baggage, none, with commas'],
  ['OTEL_BSP_SCHEDULE_DELAY', '0', 'a whole number from 1 to 86400000'],
  ['OTEL_BSP_EXPORT_TIMEOUT', '-1', 'a whole number from 1 to 86400000'],
  ['OTEL_BSP_MAX_QUEUE_SIZE', '1e3', 'a whole number from 1 to 1000000'],
  ['OTEL_RESOURCE_ATTRIBUTES', 'a', 'KEY=VALUE, at most 128 with commas, what is special in them percent-encoded'],
])('%s=%s is refused by name, with what is allowed', (variable, value, allowed) => {
  expect(problemsOf({ [variable]: value })).toEqual([`${variable}: found "${value}", allowed: ${allowed}`]);
});

it('a ratio, a batch and a key that do not fit are refused by name', () => {
  expect(problemsOf({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1%' })).toEqual(['OTEL_TRACES_SAMPLER_ARG: found "1%", allowed: a number from 0 to 1']);
  expect(problemsOf({ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '3000' })).toEqual(['OTEL_BSP_MAX_EXPORT_BATCH_SIZE: found "3000", allowed: at most OTEL_BSP_MAX_QUEUE_SIZE, which is 2048']);
  expect(problemsOf({ OTEL_EXPORTER_OTLP_CLIENT_KEY: '/k.pem' })).toEqual(['OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY: one of them is set; allowed: both or none']);
});

it.each([
  ['OTEL_EXPORTER_OTLP_HEADERS', 'authorization canary7f3a9c'],
  ['OTEL_EXPORTER_OTLP_TRACES_HEADERS', 'a b=canary7f3a9c'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=canary7f3a9c%0A'],
  ['OTEL_EXPORTER_OTLP_HEADERS', 'a=canary7f3a9c%'],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://canary7f3a9c@c:1'],
  ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'c:1?key=canary7f3a9c'],
])('%s=%s is refused by name and not shown', (variable, value) => {
  const [problem = '', ...more] = problemsOf({ [variable]: value });
  expect([problem.startsWith(`${variable}: found a value that is none of those`), problem.includes('canary'), more]).toEqual([true, false, []]);
});

it('headers and a key in the endpoint are secrets of the configuration', () => {
  const config = read({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:1/?key=canary7f3a9c', OTEL_EXPORTER_OTLP_HEADERS: 'a=canary7f3a9c' });
  expect(`${inspect(config, { depth: 9 })} ${JSON.stringify(config)}`).not.toContain('canary7f3a9c');
});

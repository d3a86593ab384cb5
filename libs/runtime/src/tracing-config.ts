/**
 * Traces: OpenTelemetry's own variables, read as its specification says, but for two things. Nothing is traced unless
 * one of them asks for it; and a value that isn't served here stops the start, as any other setting's would, in place of
 * being passed over. None of it stands in the YAML file: tools that set these variables know the environment alone.
 */
import { OtelReader, type Environment } from './otel-reader.ts';
import type { Secret } from './secret.ts';

export const SAMPLERS = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const;
export const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
const PROPAGATORS = ['tracecontext', 'baggage', 'none'] as const;

export interface TracingConfig {
  readonly protocol: (typeof PROTOCOLS)[number];
  /** With its path; may hold a secret in its query, so only `place` is ever shown. */
  readonly endpoint: Secret;
  /** The endpoint's origin. */
  readonly place: string;
  /** Names and values are from the environment's list. */
  readonly headers: Readonly<Record<string, Secret>>;
  /** For one export with its retries, ms. */
  readonly timeoutMs: number;
  readonly compression: 'gzip' | 'none';
  /** PEM files; the last two both or none. Absent: whom Node trusts, and no certificate of our own. */
  readonly tls: Readonly<Partial<Record<'ca' | 'cert' | 'key', { readonly path: string; readonly variable: string }>>>;
  readonly sampler: (typeof SAMPLERS)[number];
  /** Share of traces, 0 to 1; of the samplers by ratio alone. */
  readonly ratio: number;
  /** `traceparent` and `tracestate` are read, and written for the upstream. */
  readonly propagates: boolean;
  readonly serviceName: string;
  readonly resource: Readonly<Record<string, string>>;
  /** Between two exports, ms. */
  readonly exportEachMs: number;
  /** For one export as the queue sees it, ms; then the next may begin. */
  readonly exportTimeoutMs: number;
  /** Spans that wait; more are dropped and counted. */
  readonly queueMax: number;
  readonly batchMax: number;
}

const SECONDS_30 = 30_000;
const DAY_MS = 86_400_000;
const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const TRACES_ENDPOINT = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
const DEFAULT_ENDPOINT = 'http://localhost:4318';
const QUEUE = 'OTEL_BSP_MAX_QUEUE_SIZE';
const BATCH = 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE';

/** Undefined: nothing is traced. Every variable but the first few is read only where something is. */
export function tracingConfig(env: Environment, problems: string[]): TracingConfig | undefined {
  const reader = new OtelReader(env, problems);
  if (!isWanted(reader)) return undefined;
  const queueMax = reader.whole(QUEUE, { fallback: 2_048, min: 1, max: 1_000_000 });
  const config: TracingConfig = {
    protocol: reader.oneOf(reader.ofTraces('PROTOCOL'), { allowed: PROTOCOLS, fallback: 'http/protobuf' }),
    ...endpointOf(reader),
    headers: reader.headers(reader.ofTraces('HEADERS')),
    timeoutMs: reader.whole(reader.ofTraces('TIMEOUT'), { fallback: 10_000, min: 1, max: DAY_MS }),
    compression: reader.oneOf(reader.ofTraces('COMPRESSION'), { allowed: ['gzip', 'none'], fallback: 'none' }),
    tls: tlsOf(reader),
    ...samplingOf(reader),
    propagates: reader.listOf('OTEL_PROPAGATORS', { allowed: PROPAGATORS, fallback: ['tracecontext', 'baggage'] }).includes('tracecontext'),
    ...resourceOf(reader),
    exportEachMs: reader.whole('OTEL_BSP_SCHEDULE_DELAY', { fallback: 5_000, min: 1, max: DAY_MS }),
    exportTimeoutMs: reader.whole('OTEL_BSP_EXPORT_TIMEOUT', { fallback: SECONDS_30, min: 1, max: DAY_MS }),
    queueMax,
    batchMax: reader.whole(BATCH, { fallback: Math.min(512, queueMax), min: 1, max: 1_000_000 }),
  };
  if (config.batchMax > queueMax) problems.push(`${BATCH}: found "${config.batchMax}", allowed: at most ${QUEUE}, which is ${queueMax}`);
  return Object.freeze(config);
}

/** The specification's default would be on, to a collector that most do not have. */
function isWanted(reader: OtelReader): boolean {
  if (reader.isTrue('OTEL_SDK_DISABLED')) return false;
  const hasEndpoint = reader.text(ENDPOINT) !== undefined || reader.text(TRACES_ENDPOINT) !== undefined;
  return reader.oneOf('OTEL_TRACES_EXPORTER', { allowed: ['otlp', 'none'], fallback: hasEndpoint ? 'otlp' : 'none' }) === 'otlp';
}

/** That of traces is taken as it is; the general one is where all signals' paths begin. */
function endpointOf(reader: OtelReader): Pick<TracingConfig, 'endpoint' | 'place'> {
  const own = reader.url(TRACES_ENDPOINT);
  if (own !== undefined) return own;
  return reader.url(ENDPOINT, 'v1/traces') ?? reader.urlOf(DEFAULT_ENDPOINT, 'v1/traces');
}

function tlsOf(reader: OtelReader): TracingConfig['tls'] {
  const [cert, key] = [reader.ofTraces('CLIENT_CERTIFICATE'), reader.ofTraces('CLIENT_KEY')];
  if ((reader.text(cert) === undefined) !== (reader.text(key) === undefined)) reader.problem(`${cert} and ${key}: one of them is set; allowed: both or none`);
  const variables = Object.entries({ ca: reader.ofTraces('CERTIFICATE'), cert, key });
  return Object.fromEntries(variables.flatMap(([what, variable]) => {
    const path = reader.text(variable);
    return path === undefined ? [] : [[what, { path, variable }]];
  }));
}

function samplingOf(reader: OtelReader): Pick<TracingConfig, 'sampler' | 'ratio'> {
  const sampler = reader.oneOf('OTEL_TRACES_SAMPLER', { allowed: SAMPLERS, fallback: 'parentbased_always_on' });
  const ratio = sampler.endsWith('traceidratio') ? reader.share('OTEL_TRACES_SAMPLER_ARG', 1) : 1;
  return { sampler, ratio };
}

function resourceOf(reader: OtelReader): Pick<TracingConfig, 'serviceName' | 'resource'> {
  const { 'service.name': named, ...resource } = reader.pairs('OTEL_RESOURCE_ATTRIBUTES');
  return { serviceName: reader.text('OTEL_SERVICE_NAME') ?? named ?? 'fuseboard', resource };
}

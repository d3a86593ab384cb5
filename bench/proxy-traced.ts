/** Of the trace benchmark: a tracer as the proxy has it, and who it tells. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CallTracer } from '#http-proxy';
import { Health, Metrics, createLogger, readConfig } from '#runtime';
import { openTracing } from '../apps/proxy/src/open-tracing.ts';

/** @param share of calls that are sampled. */
export async function tracerTo(collector: string, share: string): Promise<CallTracer> {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://${collector}`, OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: share };
  const tracing = await openTracing({
    config: readConfig({ role: 'standalone', argv: [], env }),
    logger: createLogger({ level: 'warn', process: 'bench', instance: 'bench' }),
    metrics: new Metrics({ process: 'bench', version: '0', instance: 'bench', processFigures: false }),
    health: new Health(),
  });
  if (tracing === undefined) throw new Error('traces are off');
  return tracing.tracer(() => ({ state: 'closed', judgedBy: 'fleet', generation: 1, policy: 'bench/served' }));
}

/** Takes all and keeps nothing. */
export async function runCollector(): Promise<number> {
  const server = createServer((request, response) => request.resume().on('end', () => response.end()));
  return await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

/** OpenTelemetry's parts joined. Nothing of it is global: the process has other parts, which trace nothing. */
import { setTimeout as sleep } from 'node:timers/promises';
import { resourceFromAttributes, defaultResource } from '@opentelemetry/resources';
import { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider, type Sampler } from '@opentelemetry/sdk-trace';
import { VERSION, type Runtime, type TracingConfig } from '#runtime';
import type { Tracing } from '../open-tracing.ts';
import { CallSpans } from './call-spans.ts';
import { SpanFates } from './span-fates.ts';
import { spanQueue } from './span-queue.ts';

/** A path may be 8 KiB long; a queue of thousands should not hold that. */
const VALUE_CHARS_MAX = 1_024;

/** @throws {StartError} a PEM file that can't be used. */
export function startTracing(tracing: TracingConfig, { config, logger, metrics }: Runtime): Tracing {
  const { place, sampler, serviceName, resource } = tracing;
  const fates = new SpanFates({ logger, metrics, place });
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.version': VERSION, 'service.instance.id': config.instance, ...resource, 'service.name': serviceName })),
    sampler: samplerOf(tracing),
    spanLimits: { attributeValueLengthLimit: VALUE_CHARS_MAX },
    spanProcessors: [spanQueue(tracing, fates)],
  });
  const tracer = provider.getTracer('fuseboard', VERSION);
  logger.info({ sampler }, `traces: to ${place} by ${tracing.protocol}, as ${serviceName}`);
  return {
    tracer: (groundOf) => new CallSpans({ tracer, groundOf, logger, propagates: tracing.propagates }),
    close: async (withinMs) => {
      // A failure was counted and said already.
      const told = provider.shutdown().catch(() => undefined);
      await Promise.race([told, sleep(withinMs, undefined, { ref: false })]);
      const left = fates.waiting + fates.underWay;
      if (left > 0) logger.warn({ spans: left }, `${left} spans could not be told to ${place} within ${withinMs} ms and are lost`);
    },
  };
}

function samplerOf({ sampler, ratio }: TracingConfig): Sampler {
  switch (sampler) {
    case 'always_on':
      return new AlwaysOnSampler();
    case 'always_off':
      return new AlwaysOffSampler();
    case 'traceidratio':
      return new TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) });
  }
}

/**
 * From a call's last moment to the collector: a queue that is bounded, and an exporter beside the calls. A collector
 * that is away, slow or silent costs spans, which are counted, and never a call's time.
 */
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPExporterBase } from '@opentelemetry/otlp-exporter-base';
import { createOtlpHttpExportDelegate, httpAgentFactoryFromOptions } from '@opentelemetry/otlp-exporter-base/node-http';
import { JsonTraceSerializer, ProtobufTraceSerializer, TraceExporterMetricsHelper } from '@opentelemetry/otlp-transformer';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace';
import { VERSION, readPem, readPemPair, type TracingConfig } from '#runtime';
import type { SpanFates } from './span-fates.ts';

/** Batches on their way at once: more than one only where an answer took longer than the queue waits, and at the end. */
const EXPORTS_MAX = 30;
const FORMATS = {
  'http/protobuf': { serializer: ProtobufTraceSerializer, contentType: 'application/x-protobuf' },
  'http/json': { serializer: JsonTraceSerializer, contentType: 'application/json' },
} as const;

/** @throws {StartError} a PEM file that can't be used. */
export function spanQueue(config: TracingConfig, fates: SpanFates): SpanProcessor {
  const exporter = new CountedExporter(openExporter(config), fates);
  const batches = new BatchSpanProcessor({
    exporter,
    maxQueueSize: config.queueMax,
    maxExportBatchSize: config.batchMax,
    scheduledDelayMillis: config.exportEachMs,
    exportTimeoutMillis: config.exportTimeoutMs,
  });
  return new CountedQueue(batches, config.queueMax, fates);
}

function openExporter(config: TracingConfig): SpanExporter {
  const { serializer, contentType } = FORMATS[config.protocol];
  const headers = Object.fromEntries(Object.entries(config.headers).map(([name, value]) => [name, value.reveal()]));
  const options = {
    url: config.endpoint.reveal(),
    // Anew each time: the library writes into them.
    headers: async () => ({ ...headers, 'Content-Type': contentType }),
    timeoutMillis: config.timeoutMs,
    concurrencyLimit: EXPORTS_MAX,
    compression: config.compression,
    agentFactory: httpAgentFactoryFromOptions({ keepAlive: true, ...tlsOf(config) }),
    userAgent: `fuseboard/${VERSION}`,
  };
  return new OTLPExporterBase(createOtlpHttpExportDelegate(options, serializer, 'otlp_http_span_exporter', TraceExporterMetricsHelper, undefined));
}

function tlsOf({ tls: { ca, cert, key } }: TracingConfig): { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer } {
  return {
    ...(ca === undefined ? {} : { ca: readPem({ ...ca, holds: 'certificate' }) }),
    ...(cert === undefined || key === undefined ? {} : readPemPair(cert, key)),
  };
}

class CountedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #fates: SpanFates;

  constructor(exporter: SpanExporter, fates: SpanFates) {
    this.#exporter = exporter;
    this.#fates = fates;
  }

  export(spans: ReadableSpan[], onResult: Parameters<SpanExporter['export']>[1]): void {
    const fates = this.#fates;
    fates.waiting -= spans.length;
    fates.underWay += spans.length;
    this.#exporter.export(spans, (result) => {
      fates.underWay -= spans.length;
      if (result.code === ExportResultCode.SUCCESS) fates.exported(spans.length);
      else fates.failed(spans.length, result.error);
      onResult(result);
    });
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown();
  }
}

/** The library's queue has the same bound, and says nothing of what it drops. */
class CountedQueue implements SpanProcessor {
  readonly #batches: SpanProcessor;
  readonly #max: number;
  readonly #fates: SpanFates;

  constructor(batches: SpanProcessor, max: number, fates: SpanFates) {
    this.#batches = batches;
    this.#max = max;
    this.#fates = fates;
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#fates.waiting >= this.#max) {
      this.#fates.dropped();
      return;
    }
    this.#fates.waiting++;
    this.#batches.onEnd(span);
  }

  async forceFlush(): Promise<void> {
    await this.#batches.forceFlush();
  }

  async shutdown(): Promise<void> {
    await this.#batches.shutdown();
  }
}

/** A collector as far as a sender sees one: it takes OTLP over HTTP, in protobuf or JSON, and keeps the spans that it could read. */
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import protobuf from 'protobufjs';
import type { Cleanup } from './data-plane.ts';
import { eventually } from './eventually.ts';

/** As much of opentelemetry/proto/collector/trace/v1 as spans have here; the numbers are the contract. */
const PROTO = `syntax = "proto3";
message Request { repeated ResourceSpans resourceSpans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scopeSpans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; }
message Scope { string name = 1; string version = 2; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string stringValue = 1; bool boolValue = 2; int64 intValue = 3; double doubleValue = 4; } }
message Status { string message = 2; int32 code = 3; }
message Span {
  bytes traceId = 1; bytes spanId = 2; string traceState = 3; bytes parentSpanId = 4; string name = 5; int32 kind = 6;
  fixed64 startTimeUnixNano = 7; fixed64 endTimeUnixNano = 8; repeated KeyValue attributes = 9; Status status = 15;
}`;
const REQUEST = protobuf.parse(PROTO, { keepCase: true }).root.lookupType('Request');
const KINDS = ['unspecified', 'internal', 'server', 'client'];

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** Empty: it is a root. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

interface Pair {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly boolValue?: boolean; readonly intValue?: string | number; readonly doubleValue?: number };
}

interface WireSpan extends Record<'traceId' | 'spanId' | 'name' | 'startTimeUnixNano' | 'endTimeUnixNano', string> {
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly kind: number;
  readonly attributes?: readonly Pair[];
  readonly status?: { readonly code?: number };
}

interface WireRequest {
  readonly resourceSpans: readonly { readonly resource: { readonly attributes: readonly Pair[] }; readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[] }[];
}

export class OtlpReceiver {
  readonly spans: ReceivedSpan[] = [];
  readonly requests: { readonly path: string; readonly headers: IncomingHttpHeaders }[] = [];
  /** `silence`: requests are taken and never answered. */
  answer: 200 | 401 | 503 | 'silence' = 200;
  port = 0;

  /** @param tls absent: cleartext. */
  static async start(cleanup: Cleanup, tls?: ServerOptions): Promise<OtlpReceiver> {
    const receiver = new OtlpReceiver();
    const take = (request: IncomingMessage, response: ServerResponse): void => void receiver.#take(request, response);
    const server = tls === undefined ? createServer(take) : createTlsServer(tls, take);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    receiver.port = (server.address() as { port: number }).port;
    cleanup.add(() => {
      server.close();
      server.closeAllConnections();
    });
    return receiver;
  }

  /** For a process that is to trace to it, soon. */
  get env(): Readonly<Record<string, string>> {
    return { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.port}`, OTEL_BSP_SCHEDULE_DELAY: '20' };
  }

  ofTrace(traceId: string): ReceivedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  /** The call's spans, once the last of them, the server's, is there. */
  async call(traceId: string): Promise<CallTree> {
    return await eventually(() => treeOf(this.ofTrace(traceId)), { what: `the spans of ${traceId}` });
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { headers, url: path = '' } = request;
    this.requests.push({ path, headers });
    if (this.answer === 'silence') return;
    const body = Buffer.concat(chunks);
    const plain = headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    const isJson = headers['content-type'] === 'application/json';
    if (this.answer === 200) this.spans.push(...spansOf(isJson ? JSON.parse(plain.toString()) : decoded(plain)));
    response.writeHead(this.answer, { 'content-type': headers['content-type'] ?? '' });
    // A collector may say again what it was sent.
    response.end(this.answer === 200 && isJson ? '{}' : this.answer === 200 ? '' : JSON.stringify(headers));
  }
}

/** The spans of one call: who is whose parent was checked. */
export interface CallTree {
  readonly server: ReceivedSpan;
  readonly decisions: readonly ReceivedSpan[];
  readonly hops: readonly ReceivedSpan[];
}

function treeOf(spans: readonly ReceivedSpan[]): CallTree | undefined {
  const server = spans.find(({ kind }) => kind === 'server');
  if (server === undefined) return undefined;
  const below = spans.filter((span) => span !== server).toSorted((a, b) => Number(a.startNs - b.startNs));
  const stray = below.find(({ parentSpanId, startNs, endNs }) => parentSpanId !== server.spanId || startNs < server.startNs || endNs > server.endNs || endNs < startNs);
  if (stray !== undefined) throw new Error(`${stray.name} does not lie in the server's span`);
  return { server, decisions: below.filter(({ kind }) => kind === 'internal'), hops: below.filter(({ kind }) => kind === 'client') };
}

/** As OTLP's JSON has it, where ids are hexadecimal. */
function decoded(body: Buffer): WireRequest {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const request = REQUEST.toObject(REQUEST.decode(body), { longs: String, arrays: true }) as WireRequest;
  const raw = request as unknown as { resourceSpans: { scopeSpans: { spans: Record<string, Uint8Array>[] }[] }[] };
  for (const { scopeSpans } of raw.resourceSpans) {
    for (const { spans } of scopeSpans) {
      for (const span of spans) for (const name of ['traceId', 'spanId', 'parentSpanId']) if (span[name] !== undefined) Object.assign(span, { [name]: hex(span[name]) });
    }
  }
  return request;
}

function spansOf({ resourceSpans }: WireRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, name, parentSpanId = '', traceState = '', ...span }) => ({
        traceId,
        spanId,
        parentSpanId,
        traceState,
        name,
        kind: KINDS[span.kind] ?? '',
        startNs: BigInt(span.startTimeUnixNano),
        endNs: BigInt(span.endTimeUnixNano),
        isError: span.status?.code === 2,
        attributes: record(span.attributes),
        resource: record(resource.attributes),
      })),
    ),
  );
}

function record(pairs: readonly Pair[] = []): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value.intValue === undefined ? (value.stringValue ?? value.boolValue ?? value.doubleValue) : Number(value.intValue)]));
}

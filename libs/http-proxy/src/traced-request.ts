/** A request as a tracer is told of it, and the context that its call has from then on. */
import type { ProxyContext } from './context.ts';
import type { MessageHead } from './http1/message-head.ts';
import type { RequestHead } from './http1/request-head.ts';
import type { Http2Request } from './http2/request.ts';
import { TracedContext, type CallTracer, type TracedRequest } from './trace.ts';

export function tracedHttp1(proxy: ProxyContext, tracer: CallTracer, read: { readonly head: RequestHead; readonly raw: MessageHead; readonly scheme: TracedRequest['scheme'] }): ProxyContext {
  const { head, raw, scheme } = read;
  let traceparent: string | undefined;
  let tracestate: string | undefined;
  for (let n = 0; n < raw.count; n++) {
    const length = raw.nameLength(n);
    if (length === 11 && raw.isNamed(n, 'traceparent')) traceparent = joined(traceparent, raw.value(n));
    else if (length === 10 && raw.isNamed(n, 'tracestate')) tracestate = joined(tracestate, raw.value(n));
  }
  const { method, path: target, authority, isHttp10 } = head;
  return new TracedContext(proxy, tracer.begin({ method, target, authority, scheme, version: isHttp10 ? '1.0' : '1.1', traceparent, tracestate }));
}

export function tracedHttp2(proxy: ProxyContext, tracer: CallTracer, read: { readonly request: Http2Request; readonly scheme: TracedRequest['scheme'] }): ProxyContext {
  const { method, path: target, authority, headers } = read.request;
  let traceparent: string | undefined;
  let tracestate: string | undefined;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'traceparent') traceparent = joined(traceparent, headers[i + 1] as string);
    else if (headers[i] === 'tracestate') tracestate = joined(tracestate, headers[i + 1] as string);
  }
  return new TracedContext(proxy, tracer.begin({ method, target, authority, scheme: read.scheme, version: '2', traceparent, tracestate }));
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`;
}

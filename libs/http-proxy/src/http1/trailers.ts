/** Trailers on their way: those that would change framing or who asks are no trailers (RFC 9110 6.5.1). */

import { withoutSpace } from './message-head.ts';

/** Where a message ends, and for whom it is. */
const FRAMING = /^(?:content-length|transfer-encoding|host)$/i;
/** Of one hop, or read before the body by who receives it. */
const LEFT_OUT =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|upgrade|authorization|www-authenticate|cookie|set-cookie|cache-control|expect|max-forwards|range|content-(?:encoding|type|range)|forwarded|x-forwarded-.*|x-fuseboard-.*|x-envoy-.*)$/i;

/** Names and values in turn; false: one of them can't be one. */
export function areTrailers(trailers: readonly string[]): boolean {
  for (let i = 0; i < trailers.length; i += 2) if (FRAMING.test(trailers[i] as string)) return false;
  return true;
}

/** As lines behind the last chunk, that chunk and the message's end included. */
export function lastChunk(trailers: readonly string[]): string {
  if (trailers.length === 0) return '0\r\n\r\n';
  let text = '0\r\n';
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] as string;
    if (!FRAMING.test(name) && !LEFT_OUT.test(name)) text += `${name}: ${withoutSpace(trailers[i + 1] as string)}\r\n`;
  }
  return `${text}\r\n`;
}

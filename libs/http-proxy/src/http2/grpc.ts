/**
 * What gRPC adds to HTTP/2: a call's result stands in its trailers, and an answer without a message is one block of
 * headers that are its trailers too ("trailers-only").
 */
import { failureOf } from '../failure.ts';
import type { CallOutcome, UpstreamError } from '../route.ts';

export const GRPC_UNKNOWN = 2;
export const GRPC_DEADLINE_EXCEEDED = 4;
export const GRPC_RESOURCE_EXHAUSTED = 8;
export const GRPC_UNIMPLEMENTED = 12;
export const GRPC_INTERNAL = 13;
export const GRPC_UNAVAILABLE = 14;

const GRPC_CODE_MAX = 16;

/** `application/grpc`, `application/grpc+proto`, …; not gRPC-Web, whose result stands in its body. */
const GRPC_TYPE = /^application\/grpc(?:$|[+; ])/i;

/** Clients bound what they take as metadata (Java: 8 KiB in all), so a message is cut there; bytes as sent. */
const MESSAGE_BYTES_MAX = 4_096;

/** By its content type alone: that is what a gRPC client goes by, whatever the protocol of the route is called. */
export function isGrpcType(contentType: string | undefined): boolean {
  return contentType !== undefined && GRPC_TYPE.test(contentType);
}

/** The outcome of a call that upstream's last block of headers tells; a code beyond the list is UNKNOWN, as clients take it. */
export function grpcResult(trailers: readonly string[]): CallOutcome['result'] {
  for (let i = 0; i < trailers.length; i += 2) {
    if (trailers[i] !== 'grpc-status') continue;
    const code = /^[0-9]{1,9}$/.test(trailers[i + 1] as string) ? Number(trailers[i + 1]) : GRPC_UNKNOWN;
    return { kind: 'grpc', code: code > GRPC_CODE_MAX ? GRPC_UNKNOWN : code };
  }
  return { kind: 'failure', failure: 'bad-response' };
}

/** Of an upstream that didn't answer. Not reaching it in time is no deadline of the call: nothing was asked of it. */
export function grpcCodeOfError(error: UpstreamError): number {
  return failureOf(error) === 'timeout' && error !== 'connect-timeout' ? GRPC_DEADLINE_EXCEEDED : GRPC_UNAVAILABLE;
}

/** Of our own answers, as gRPC's mapping of HTTP statuses has it where that tells a caller what to do. */
export function grpcCodeOfStatus(statusCode: number): number {
  switch (statusCode) {
    case 400:
    case 414:
    case 417:
    case 431:
      return GRPC_INTERNAL;
    case 404:
    case 405:
    case 421:
      return GRPC_UNIMPLEMENTED;
    case 408:
      return GRPC_DEADLINE_EXCEEDED;
    default:
      return GRPC_UNAVAILABLE;
  }
}

/** As `grpc-message` has it: UTF-8, percent-encoded but for printable ASCII. */
export function grpcMessage(text: string): string {
  let encoded = '';
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    const piece = code >= 0x20 && code <= 0x7e && code !== 0x25 ? character : percentEncoded(character);
    if (encoded.length + piece.length > MESSAGE_BYTES_MAX) break;
    encoded += piece;
  }
  return encoded.trim();
}

function percentEncoded(character: string): string {
  let encoded = '';
  for (const byte of Buffer.from(character, 'utf8')) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return encoded;
}

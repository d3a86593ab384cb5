/**
 * The proxy's own answers in the form that their caller understands: status and text, or for a gRPC call one block of
 * headers with its result and the same marks.
 */
import type { OutgoingHttpHeaders } from 'node:http2';
import { errorAnswer, rateLimitAnswer, type OwnAnswer } from '../own-answer.ts';
import type { HttpRateLimit, UpstreamError } from '../route.ts';
import { GRPC_RESOURCE_EXHAUSTED, GRPC_UNAVAILABLE, grpcCodeOfError, grpcCodeOfStatus, grpcMessage } from './grpc.ts';

export interface Http2Answer {
  /** Sent as `:status`. */
  readonly statusCode: number;
  /** `:status` first; no date. */
  readonly headers: readonly string[];
  /** One character for each byte (latin1). */
  readonly body: string;
}

/** Made once for each answer that is itself made once. */
const prepared = new WeakMap<OwnAnswer, Http2Answer>();
const preparedGrpc = new WeakMap<OwnAnswer, Http2Answer>();

/** @param grpcCode absent: by the answer's status. */
export function inForm(answer: OwnAnswer, isGrpc: boolean, grpcCode = grpcCodeOfStatus(answer.statusCode)): Http2Answer {
  const known = isGrpc ? preparedGrpc : prepared;
  const before = known.get(answer);
  if (before !== undefined) return before;
  const made = isGrpc ? trailersOnly(answer, grpcCode) : plain(answer);
  known.set(answer, made);
  return made;
}

/** An open breaker: to a gRPC caller UNAVAILABLE whatever status the policy says, its content as the message. */
export function degradedAnswer(answer: OwnAnswer, isGrpc: boolean): Http2Answer {
  return inForm(answer, isGrpc, GRPC_UNAVAILABLE);
}

export function failedAnswer(error: UpstreamError, isGrpc: boolean): Http2Answer {
  return inForm(errorAnswer(error), isGrpc, grpcCodeOfError(error));
}

/**
 * gRPC's mapping would say UNAVAILABLE for a 429, which clients repeat at once and breakers take for a failure; the code
 * that means a rate limit is RESOURCE_EXHAUSTED.
 */
export function limitedAnswer(limit: HttpRateLimit, isGrpc: boolean): Http2Answer {
  return inForm(rateLimitAnswer(limit), isGrpc, GRPC_RESOURCE_EXHAUSTED);
}

/** The result of a gRPC call that broke after its head went out. */
export function brokenTrailers(error: UpstreamError): OutgoingHttpHeaders {
  return { 'grpc-status': String(grpcCodeOfError(error)), 'grpc-message': messageOf(errorAnswer(error)), 'x-fuseboard-error': error };
}

function plain(answer: OwnAnswer): Http2Answer {
  const headers = [':status', String(answer.statusCode)];
  // A policy's own are spelled as their author likes.
  for (let i = 0; i < answer.headers.length; i += 2) headers.push((answer.headers[i] as string).toLowerCase(), answer.headers[i + 1] as string);
  return { statusCode: answer.statusCode, headers, body: answer.body };
}

function trailersOnly(answer: OwnAnswer, grpcCode: number): Http2Answer {
  const headers = [':status', '200', 'content-type', 'application/grpc', 'grpc-status', String(grpcCode), 'grpc-message', messageOf(answer)];
  for (let i = 0; i < answer.headers.length; i += 2) {
    const name = (answer.headers[i] as string).toLowerCase();
    if (name !== 'content-type' && name !== 'content-length') headers.push(name, answer.headers[i + 1] as string);
  }
  return { statusCode: 200, headers, body: '' };
}

function messageOf(answer: OwnAnswer): string {
  return grpcMessage(Buffer.from(answer.body, 'latin1').toString('utf8').trimEnd());
}

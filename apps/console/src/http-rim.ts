/** What each HTTP answer of the console has in common: security headers, the token, errors as JSON. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { TLSSocket } from 'node:tls';
import { refusalOf, type Gate, type Logger } from '#runtime';
import { namesIn } from './certificate-names.ts';
import { refusalOfWrite } from './same-origin.ts';

/** No CORS: another site's page may not read what it finds here. */
const HEADERS = new Map([
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'"],
  ['cross-origin-resource-policy', 'same-origin'],
  ['referrer-policy', 'no-referrer'],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['cache-control', 'no-store'],
]);

/** Asked by supervisors, which hold no token; they tell nothing but whether the process is well. */
const ALWAYS_OPEN: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

const writers = new WeakSet<IncomingMessage>();

/** Could who asks this also change something? */
export function mayWrite(request: IncomingMessage): boolean {
  return writers.has(request);
}

/** Express middleware. */
export function secured(gate: Gate) {
  return (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    response.setHeaders(HEADERS);
    const path = (request.url ?? '').split('?', 1)[0] ?? '';
    if (ALWAYS_OPEN.has(path)) return next();
    const call = request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'write';
    const { headers: { authorization, host = '' }, socket } = request;
    const verdict = gate.judge({ authorization, host, peer: socket.remoteAddress ?? '', certificateNames: certifiedNames(socket) }, call);
    if (verdict.admitted) {
      const refusal = call === 'write' ? refusalOfWrite(request) : undefined;
      if (refusal !== undefined) return sendJson(response, refusal.status, errorBody(refusal.status, refusal.reason));
      if (verdict.mayWrite) writers.add(request);
      return next();
    }
    const { status, headers } = refusalOf(verdict);
    response.setHeaders(new Map(Object.entries(headers)));
    sendJson(response, status, errorBody(status, verdict.reason));
  };
}

function certifiedNames(socket: Socket): readonly string[] | undefined {
  return socket instanceof TLSSocket && socket.authorized ? namesIn(socket.getPeerCertificate()) : undefined;
}

@Catch()
export class JsonErrors implements ExceptionFilter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  catch(exception: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<ServerResponse>();
    const known = exception instanceof HttpException ? exception : undefined;
    if (known === undefined) this.#logger.error({ err: exception }, 'a request could not be answered');
    const status = known?.getStatus() ?? 500;
    if (!response.headersSent) sendJson(response, status, errorBody(status, known === undefined ? 'internal error' : messageOf(known)));
  }
}

/** Of a body that can't be read it begins with that name, as of a field. */
function messageOf({ message, cause }: HttpException): string {
  const { type } = (cause ?? {}) as { readonly type?: unknown };
  if (type === 'entity.too.large') return `body: more than ${BODY_BYTES_MAX} bytes`;
  return typeof type === 'string' ? `body: ${message}` : message;
}

/** Of a request, bytes: a document as a JSON string, with room. */
export const BODY_BYTES_MAX = 2_097_152;

/** By status; whatever else is `internal`. */
export const ERROR_CODES: Readonly<Record<number, string>> = { 400: 'invalid', 401: 'unauthenticated', 403: 'forbidden', 404: 'not-found', 409: 'conflict', 412: 'precondition', 413: 'too-large', 415: 'unsupported', 429: 'too-many-tries', 503: 'unavailable' };

function errorBody(status: number, message: string): object {
  return { error: { code: ERROR_CODES[status] ?? 'internal', message } };
}

export function sendJson(response: ServerResponse, status: number, body: object): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(`${JSON.stringify(body)}\n`);
}

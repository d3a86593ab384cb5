/** What went wrong between us and an upstream, in the three vocabularies that it is told in. */
import type { Failure, UpstreamError } from './route.ts';

/** Errors of our own process or machine: no fault of the upstream's, so no outcome (O3). */
export type ConnectError = UpstreamError | 'no-sockets';

/** An error of a socket that never was connected. */
export function connectErrorOf(error: NodeJS.ErrnoException): ConnectError {
  switch (error.code) {
    case 'ENOTFOUND':
    case 'ENODATA':
      return 'dns';
    case 'ETIMEDOUT':
      return 'connect-timeout';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset';
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
    case 'EADDRNOTAVAIL':
      return 'no-sockets';
    case 'EPROTO':
      return 'tls';
    default:
      // ECONNREFUSED, and what comes to the same for a caller: no route, unreachable, denied.
      if (error.code?.startsWith('EAI_') === true) return 'dns';
      return isTlsError(error) ? 'tls' : 'refused';
  }
}

/**
 * Of the handshake, or of our certificate, which TLS 1.3 lets an upstream refuse after it: `ERR_SSL_…`, `ERR_TLS_…` and
 * OpenSSL's words for a certificate that isn't valid (`CERT_HAS_EXPIRED`). A system's error has no `_`, but for `EAI_…`.
 */
export function isTlsError({ code }: NodeJS.ErrnoException): boolean {
  return code !== undefined && !/^E[A-Z0-9]+$/.test(code) && !code.startsWith('EAI_');
}

export function failureOf(error: UpstreamError): Failure {
  switch (error) {
    case 'connect-timeout':
    case 'response-timeout':
    case 'idle-timeout':
      return 'timeout';
    default:
      return error;
  }
}

/** 504 where time ran out, 502 where the upstream or the way to it is broken. */
export function statusOf(error: UpstreamError): 502 | 504 {
  return failureOf(error) === 'timeout' ? 504 : 502;
}

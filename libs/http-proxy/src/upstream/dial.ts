/** How a connection to an upstream begins. */
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Target } from './targets.ts';
import type { ClientTls } from './tls.ts';

export interface DialOptions {
  /** Absent: cleartext. */
  readonly tls?: ClientTls | undefined;
  /** Offered in the TLS handshake (RFC 7301), e.g. `h2`; absent: none, which servers take for HTTP/1.1. */
  readonly alpn?: readonly string[];
}

export interface Dialled {
  readonly socket: Socket;
  /** The event that says it can be written to. */
  readonly ready: 'connect' | 'secureConnect';
}

/** For one family to answer before the other is tried (RFC 8305 section 5). */
const FAMILY_WAIT_MS = 250;

/**
 * Begins a connection, look-up of the name included; what becomes of it is told by events of the socket, never before
 * this returns. Half-open: the upstream's FIN isn't answered by itself, so that closing stays in the caller's hands.
 */
export function dial(target: Target, options: DialOptions = {}): Dialled {
  const { host, port, lookup } = target;
  const to: TcpNetConnectOpts = { host, port, allowHalfOpen: true, noDelay: true };
  // It gives all there is to try, as Node asks only where it may choose the family itself.
  if (lookup !== undefined) Object.assign(to, { lookup, autoSelectFamily: true, autoSelectFamilyAttemptTimeout: FAMILY_WAIT_MS });
  const { tls, alpn } = options;
  const socket = tls === undefined ? connect(to) : connectTls({ ...to, ...tls.optionsFor(target), ...(alpn === undefined ? {} : { ALPNProtocols: [...alpn] }) });
  // A TLS socket doesn't read the option.
  if (tls !== undefined) socket.setNoDelay(true);
  if (target.reached !== undefined) socket.once('connect', () => target.reached?.(socket.remoteAddress));
  return { socket, ready: tls === undefined ? 'connect' : 'secureConnect' };
}

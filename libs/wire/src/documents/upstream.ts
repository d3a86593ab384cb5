/** Upstream (fuseboard.dev/v1): where an upstream is, what callers call it, and how it is talked to. */
import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { RETRIED_FAILURES } from '#engine';
import type { DocumentKey, RetriedFailure, Retries, UpstreamDocument, UpstreamTls } from '#engine';
import { given } from '../fields.ts';
import { readDuration } from './duration.ts';
import { isBare, parseHostPort, qualify } from './host.ts';
import type { HostPort } from './host.ts';
import type { Place } from './place.ts';
import { suggestion } from './suggestion.ts';

const TARGETS_MAX = 1_000;
const ATTEMPTS_MAX = 10;
const FILE_PATH_CHARS_MAX = 4_096;
const HOUR_MS = 3_600_000;
/** Those that leave no doubt: the upstream did nothing. */
const BEFORE_ANYTHING: readonly unknown[] = ['refused', 'dns', 'connect-timeout', 'tls'] satisfies readonly RetriedFailure[];
const RETRIED = `a list of ${RETRIED_FAILURES.join(', ')}, or of statuses from 500 to 599`;

type Protocol = UpstreamDocument['protocol'];

/** What is particular to this kind; key, version and body come from the caller. */
export type UpstreamSpec = Omit<UpstreamDocument, keyof DocumentKey | 'version' | 'body'>;

export function readUpstream(spec: Place, namespace: string): UpstreamSpec | undefined {
  if (!spec.hasOnly(['host', 'targets', 'port', 'protocol', 'listen', 'retries', 'timeouts', 'tls'])) return undefined;
  const host = readHost(spec.at('host'), namespace);
  const protocol = spec.at('protocol').absent ? 'http' : spec.at('protocol').oneOf(['http', 'h2c', 'grpc', 'tcp']);
  return {
    ...host,
    port: spec.at('port').absent ? 80 : spec.at('port').integer(1, 65_535),
    ...given('targets', readTargets(spec)),
    protocol,
    ...given('listen', readListen(spec.at('listen'), protocol)),
    ...given('retries', readRetries(spec.at('retries'), protocol)),
    ...given('timeouts', readTimeouts(spec.at('timeouts'), protocol)),
    ...given('tls', readTls(spec.at('tls'))),
  };
}

function readHost(place: Place, namespace: string): UpstreamHost {
  const host = typeof place.value === 'string' ? readUpstreamHost(place.value, namespace) : undefined;
  if (host === undefined) place.refuse('a host name such as fortio.circuit-breaking.svc.cluster.local, without a port (that is spec.port)');
  return host ?? { host: '' };
}

export type UpstreamHost = Pick<UpstreamSpec, 'host' | 'alias'>;

/** Undefined: it is no host name, or has a port. */
export function readUpstreamHost(text: string, namespace: string): UpstreamHost | undefined {
  const parsed = parseHostPort(text);
  if (parsed === undefined || parsed.port !== undefined) return undefined;
  const { host } = parsed;
  return isBare(host) ? { host: qualify(host, namespace), alias: host } : { host };
}

/** Absent means DNS; empty would mean an upstream that is nowhere, so it is a slip. */
function readTargets(spec: Place): readonly string[] | undefined {
  const place = spec.at('targets');
  if (place.value === undefined) return undefined;
  const allowed = 'one or more HOST:PORT such as "127.0.0.1:8079"; leave targets out to find the host by DNS';
  if (place.value === null || (Array.isArray(place.value) && place.value.length === 0)) {
    place.problem(`found an empty list; allowed: ${allowed}`);
    return undefined;
  }
  const items = place.items(allowed);
  if (items.length > TARGETS_MAX) place.problem(`found ${items.length} targets; allowed: at most ${TARGETS_MAX}`);
  return items.slice(0, TARGETS_MAX).map((item) => {
    const target = readTarget(item.value);
    if (target === undefined) item.refuse('HOST:PORT such as "127.0.0.1:8079" or "[::1]:8079"');
    return target ?? '';
  });
}

/** Undefined: it is no target. */
export function readTarget(value: unknown): string | undefined {
  const target = readHostPort(value);
  return target === undefined || target.port === 0 ? undefined : hostPortText(target);
}

/** Port 0 asks the system for a free one. */
function readListen(place: Place, protocol: Protocol): string | undefined {
  const allowed = 'HOST:PORT of a listener of its own, such as 127.0.0.1:18080';
  if (place.absent) {
    // A TCP connection names no host, so only the listener can tell whom it is for.
    if (protocol === 'tcp') place.refuse(`${allowed} (a tcp upstream needs one)`);
    return undefined;
  }
  const listen = readHostPort(place.value);
  if (listen === undefined) place.refuse(allowed);
  return listen === undefined ? undefined : hostPortText(listen);
}

function readHostPort(value: unknown): Required<HostPort> | undefined {
  const parsed = typeof value === 'string' ? parseHostPort(value) : undefined;
  return parsed?.port === undefined ? undefined : { host: parsed.host, port: parsed.port };
}

function hostPortText(of: Required<HostPort>): string {
  return `${of.host}:${of.port}`;
}

function readRetries(place: Place, protocol: Protocol): Retries | undefined {
  if (place.absent || !place.hasOnly(['attempts', 'on'])) return undefined;
  if (protocol === 'tcp') place.problem('a tcp upstream has none: the bytes of a connection can not be sent again');
  const attempts = place.at('attempts').absent ? 1 : place.at('attempts').integer(1, ATTEMPTS_MAX);
  const on = place.at('on').items(RETRIED).map(readRetried);
  if (on.length === 0 && Array.isArray(place.at('on').value)) place.at('on').problem(`found an empty list; allowed: ${RETRIED}`);
  const unsafe = protocol === 'grpc' ? on.filter((after) => !BEFORE_ANYTHING.includes(after)) : [];
  if (unsafe.length > 0) place.at('on').warn(`${unsafe.join(', ')}: never for gRPC calls, which are POST requests that the upstream may have served`);
  if (on.includes('response-timeout')) place.at('on').warn(`response-timeout: a caller can wait through ${attempts + 1} of these time-outs`);
  return { attempts, on: [...new Set(on)] };
}

function readRetried(place: Place): RetriedFailure | number {
  const { value } = place;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 500 && value <= 599) return value;
  if (RETRIED_FAILURES.includes(value as RetriedFailure)) return value as RetriedFailure;
  const meant = typeof value === 'string' ? suggestion(value, RETRIED_FAILURES) : '';
  place.refuse(`${RETRIED_FAILURES.join(', ')}, or a status from 500 to 599${meant}`);
  return 'refused';
}

function readTimeouts(place: Place, protocol: Protocol): UpstreamSpec['timeouts'] {
  if (place.absent || !place.hasOnly(['response', 'idle'])) return undefined;
  const response = place.at('response');
  if (protocol === 'tcp' && !response.absent) response.problem('a tcp upstream has none: no byte tells where a response begins');
  return { ...given('responseHeadMs', readTimeout(response)), ...given('idleMs', readTimeout(place.at('idle'))) };
}

function readTimeout(place: Place): number | undefined {
  return place.absent ? undefined : readDuration(place, { defaultMs: 1, zeroIsDefault: false, wholeMs: true, maxMs: HOUR_MS });
}

/** `tls:` without a value is refused: taken for absent, it would send in the clear what was meant to be encrypted. */
function readTls(place: Place): UpstreamTls | undefined {
  if (place.value === undefined) return undefined;
  if (place.value === null) {
    place.problem('found no value; allowed: {} for TLS with the defaults, or an object with ca, cert, key, serverName');
    return undefined;
  }
  if (!place.hasOnly(['ca', 'cert', 'key', 'serverName'])) return undefined;
  const [cert, key] = [place.at('cert'), place.at('key')];
  if (cert.absent !== key.absent) (cert.absent ? cert : key).refuse('cert and key, or neither');
  return {
    ...given('ca', readFilePath(place.at('ca'))),
    ...given('cert', readFilePath(cert)),
    ...given('key', readFilePath(key)),
    ...given('serverName', readServerName(place.at('serverName'))),
  };
}

/** Keys stay where they are: a document has the path alone, and only the proxy opens it. */
function readFilePath(place: Place): string | undefined {
  if (place.absent) return undefined;
  const fits = (path: string) => path.length <= FILE_PATH_CHARS_MAX && isAbsolute(path) && !/[\0\r\n]/.test(path);
  return place.text('the absolute path of a PEM file on the proxy\'s machine, such as /etc/fuseboard/ca.pem', fits);
}

/** A name or an address, whichever the certificate has. */
function readServerName(place: Place): string | undefined {
  if (place.absent) return undefined;
  return place.text('a host name such as api.shop.example or an IP address, without a port', isServerName).toLowerCase();
}

function isServerName(name: string): boolean {
  const parsed = parseHostPort(name);
  return isIP(name) !== 0 || (parsed !== undefined && parsed.port === undefined && !parsed.host.startsWith('['));
}

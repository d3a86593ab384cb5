/** Upstream (fuseboard.dev/v1): where an upstream is and what callers call it. */
import { given } from '../fields.ts';
import { isBare, parseHostPort, qualify } from './host.ts';
import type { HostPort } from './host.ts';
import type { Place } from './place.ts';
import { NO_EFFECT } from './traffic-setting.ts';

const TARGETS_MAX = 1_000;

/** What is particular to this kind; key, version and body come from the caller. */
export interface UpstreamSpec {
  readonly host: string;
  readonly alias?: string;
  readonly port: number;
  readonly targets?: readonly string[];
  readonly protocol: 'http' | 'tcp';
  readonly listen?: string;
}

export function readUpstream(spec: Place, namespace: string): UpstreamSpec | undefined {
  if (!spec.hasOnly(['host', 'targets', 'port', 'protocol', 'listen'])) return undefined;
  const host = readHost(spec.at('host'));
  const protocol = spec.at('protocol').absent ? 'http' : spec.at('protocol').oneOf(['http', 'tcp']);
  if (protocol === 'tcp') spec.at('protocol').warn(`tcp ${NO_EFFECT}`);
  return {
    host: qualify(host, namespace),
    ...given('alias', host !== '' && isBare(host) ? host : undefined),
    port: spec.at('port').absent ? 80 : spec.at('port').integer(1, 65_535),
    ...given('targets', readTargets(spec)),
    protocol,
    ...given('listen', readListen(spec.at('listen'), protocol)),
  };
}

function readHost(place: Place): string {
  const parsed = typeof place.value === 'string' ? parseHostPort(place.value) : undefined;
  if (parsed !== undefined && parsed.port === undefined) return parsed.host;
  place.refuse('a host name such as fortio.circuit-breaking.svc.cluster.local, without a port (that is spec.port)');
  return '';
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
    const target = readHostPort(item);
    if (target !== undefined && target.port !== 0) return hostPortText(target);
    item.refuse('HOST:PORT such as "127.0.0.1:8079" or "[::1]:8079"');
    return '';
  });
}

/** Port 0 asks the system for a free one. */
function readListen(place: Place, protocol: 'http' | 'tcp'): string | undefined {
  const allowed = 'HOST:PORT of a listener of its own, such as 127.0.0.1:18080';
  if (place.absent) {
    // A TCP connection names no host, so only the listener can tell whom it is for.
    if (protocol === 'tcp') place.refuse(`${allowed} (a tcp upstream needs one)`);
    return undefined;
  }
  const listen = readHostPort(place);
  if (listen === undefined) place.refuse(allowed);
  return listen === undefined ? undefined : hostPortText(listen);
}

function readHostPort(place: Place): Required<HostPort> | undefined {
  const parsed = typeof place.value === 'string' ? parseHostPort(place.value) : undefined;
  return parsed?.port === undefined ? undefined : { host: parsed.host, port: parsed.port };
}

function hostPortText(of: Required<HostPort>): string {
  return `${of.host}:${of.port}`;
}

/**
 * Proxies that others wrote, each with one worker, no access log, connections kept on both sides, `Via` and
 * `X-Forwarded-*` added to what is forwarded, and the same degraded answer.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REFUSAL, REFUSED_HOST, SERVED_HOSTS } from './proxy-world.ts';
import { answering, freePort, type BenchStage, type Subject } from './proxy-subjects.ts';

const KEPT_UPSTREAM_CONNECTIONS = 1_024;
const NGINX_CONNECTIONS_MAX = 16_384;
/** It reserves two descriptors for each, and doesn't start where it can't. */
const HAPROXY_CONNECTIONS_MAX = 4_096;

interface Place {
  readonly folder: string;
  readonly port: number;
  /** HOST:PORT of the upstream. */
  readonly target: string;
}

interface Peer {
  /** The program's path or name; undefined: not told. */
  readonly program: string | undefined;
  /** An argument that makes it say its version and end. */
  readonly versionFlag: string;
  /** Writes its configuration; gives its arguments. */
  readonly prepare: (place: Place) => readonly string[];
}

const PEERS: Readonly<Record<string, Peer>> = {
  nginx: {
    program: 'nginx',
    versionFlag: '-v',
    prepare: (place) => ['-c', written(place, 'nginx.conf', nginxConfig(place)), '-p', place.folder, '-e', join(place.folder, 'nginx.log')],
  },
  haproxy: { program: 'haproxy', versionFlag: '-v', prepare: (place) => ['-db', '-f', written(place, 'haproxy.cfg', haproxyConfig(place))] },
  envoy: {
    program: process.env['ENVOY_BIN'] ?? 'envoy',
    versionFlag: '--version',
    prepare: (place) => ['-c', written(place, 'envoy.json', JSON.stringify(envoyConfig(place))), '--concurrency', '1', '--disable-hot-restart', '-l', 'error'],
  },
  pipy: { program: process.env['PIPY_BIN'], versionFlag: '--version', prepare: (place) => [written(place, 'pipy.js', pipyScript(place)), '--threads=1'] },
};
export const PEER_NAMES: readonly string[] = Object.keys(PEERS);

/** Undefined: the machine hasn't got it, which is said. */
export async function startPeer(stage: BenchStage, name: string, target: string): Promise<Subject | undefined> {
  const peer = PEERS[name] as Peer;
  const { program } = peer;
  if (program === undefined || spawnSync(program, [peer.versionFlag]).error !== undefined) {
    console.log(`${name} is left out: ${name === 'pipy' ? 'PIPY_BIN names none' : 'not on PATH'}${name === 'envoy' ? ', and ENVOY_BIN names none' : ''}`);
    return undefined;
  }
  const port = await freePort();
  const log = join(stage.folder, `${name}.log`);
  const child = stage.spawn(program, peer.prepare({ folder: stage.folder, port, target }), log);
  await answering(name, port).catch((error: Error) => {
    throw new Error(`${error.message}; it said: ${readFileSync(log, 'utf8')}`);
  });
  return { name, pid: child.pid ?? 0, port };
}

function written({ folder }: Place, name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

const degradedHeaders = Object.entries(REFUSAL.headers);

function nginxConfig({ folder, port, target }: Place): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ');
  const served = SERVED_HOSTS.map((host, index) => `
  upstream u${index} { server ${target}; keepalive ${KEPT_UPSTREAM_CONNECTIONS}; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}; server_name ${host}; add_header via "1.1 nginx" always;
    location / { proxy_pass http://u${index}; }
  }`);
  return `daemon off; master_process off; pid ${folder}/nginx.pid;
events { worker_connections ${NGINX_CONNECTIONS_MAX}; }
http {
  access_log off; server_tokens off; keepalive_requests 1000000000; server_names_hash_bucket_size 64; ${temporary}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_set_header via "1.1 nginx";
  proxy_set_header x-forwarded-for $proxy_add_x_forwarded_for; proxy_set_header x-forwarded-proto $scheme; proxy_set_header x-forwarded-host $http_host;
  server {
    listen 127.0.0.1:${port}; server_name ${REFUSED_HOST}; default_type "${REFUSAL.contentType}";
    ${degradedHeaders.map(([name, value]) => `add_header ${name} ${value} always;`).join(' ')}
    location / { return ${REFUSAL.statusCode} "${REFUSAL.body}"; }
  }${served.join('')}
}
`;
}

function haproxyConfig(place: Place): string {
  const { port, target } = place;
  const map = written(place, 'haproxy.map', SERVED_HOSTS.map((host, index) => `${host} u${index}\n`).join(''));
  const refusal = `status ${REFUSAL.statusCode} content-type "${REFUSAL.contentType}" string "${REFUSAL.body}" ${degradedHeaders.map(([name, value]) => `hdr ${name} ${value}`).join(' ')}`;
  const backends = SERVED_HOSTS.map((_, index) => `
backend u${index}
  http-request set-header x-forwarded-proto http
  http-request set-header x-forwarded-host %[req.hdr(host)]
  http-request add-header via "1.1 haproxy"
  http-response add-header via "1.1 haproxy"
  server s ${target}`);
  return `global
  nbthread 1
  maxconn ${HAPROXY_CONNECTIONS_MAX}
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-keep-alive 60s
frontend all
  bind 127.0.0.1:${port}
  http-request return ${refusal} if { req.hdr(host) -i ${REFUSED_HOST} }
  use_backend %[req.hdr(host),lower,map(${map},u0)]${backends.join('')}
`;
}

function envoyConfig({ port, target }: Place): unknown {
  const added = (name: string, value: string) => ({ header: { key: name, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' });
  const address = (host: string, at: number) => ({ socket_address: { address: host, port_value: at } });
  const [targetHost = '', targetPort = ''] = target.split(':');
  const refused = {
    name: 'refused',
    domains: [REFUSED_HOST],
    response_headers_to_add: [added('content-type', REFUSAL.contentType), ...degradedHeaders.map(([name, value]) => added(name, value))],
    routes: [{ match: { prefix: '/' }, direct_response: { status: REFUSAL.statusCode, body: { inline_string: REFUSAL.body } } }],
  };
  const served = SERVED_HOSTS.map((host, index) => ({ name: host, domains: [host], routes: [{ match: { prefix: '/' }, route: { cluster: `u${index}`, timeout: '15s' } }] }));
  const manager = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'all',
    codec_type: 'HTTP1',
    via: '1.1 envoy',
    use_remote_address: true,
    generate_request_id: false,
    server_header_transformation: 'PASS_THROUGH',
    route_config: { request_headers_to_add: [added('x-forwarded-host', '%REQ(:AUTHORITY)%')], virtual_hosts: [refused, ...served] },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router', suppress_envoy_headers: true } }],
  };
  const clusters = SERVED_HOSTS.map((_, index) => ({
    name: `u${index}`,
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: { cluster_name: `u${index}`, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(targetHost, Number(targetPort)) } }] }] },
  }));
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
  return { static_resources: { listeners: [{ name: 'all', address: address('127.0.0.1', port), filter_chains: [{ filters }] }], clusters } };
}

/** PipyJS as of 0.90, which the seed's sidecar runs. */
function pipyScript({ port, target }: Place): string {
  const headers = JSON.stringify({ 'content-type': REFUSAL.contentType, ...REFUSAL.headers });
  return `((
  refusal = new Message({ status: ${REFUSAL.statusCode}, headers: ${headers} }, ${JSON.stringify(REFUSAL.body)}),
  targets = ${JSON.stringify(Object.fromEntries(SERVED_HOSTS.map((host) => [host, target])))},
) => pipy({ _host: undefined, _target: undefined })
.listen('127.0.0.1:${port}')
.demuxHTTP().to($=>$
  .handleMessageStart((msg) => (
    _host = msg.head.headers.host,
    _target = targets[_host],
    msg.head.headers['via'] = '1.1 pipy',
    msg.head.headers['x-forwarded-for'] = __inbound.remoteAddress,
    msg.head.headers['x-forwarded-proto'] = 'http',
    msg.head.headers['x-forwarded-host'] = _host
  ))
  .branch(
    () => Boolean(_target), $=>$
      .muxHTTP(() => _host, { maxQueue: 1 }).to($=>$.connect(() => _target))
      .handleMessageStart((msg) => (msg.head.headers['via'] = '1.1 pipy')),
    $=>$.replaceMessage(refusal)
  )
)
)()
`;
}

/** Proxies on `node:http` as anybody would write them: by undici, and by http-proxy-3. */
import { Agent, createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createProxyServer } from 'http-proxy-3';
import { Pool } from 'undici';
import { REFUSAL, REFUSED_HOST } from './proxy-world.ts';

const UPSTREAM_CONNECTIONS_MAX = 256;

/** node:http and undici's `dispatch`. Gives the port. */
export async function runPlain(target: string): Promise<number> {
  const pool = new Pool(`http://${target}`, { connections: UPSTREAM_CONNECTIONS_MAX, allowH2: false });
  return await listen((request, response) => forwardPlainly(pool, request, response));
}

/** Gives the port. */
export async function runHttpProxy3(target: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: UPSTREAM_CONNECTIONS_MAX });
  const proxy = createProxyServer({ target: `http://${target}`, agent, headers: { via: '1.1 http-proxy-3' } });
  proxy.on('proxyRes', (answered) => (answered.headers['via'] = '1.1 http-proxy-3'));
  proxy.on('error', (_error, _request, response) => void response.destroy());
  return await listen((request, response) => {
    addForwarded(request.headers, request);
    proxy.web(request, response);
  });
}

async function listen(forward: RequestListener): Promise<number> {
  const server = createServer({ noDelay: true }, (request, response) => {
    if (request.headers.host === REFUSED_HOST) refuse(response);
    else forward(request, response);
  });
  return await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}

function refuse(response: ServerResponse): void {
  response.writeHead(REFUSAL.statusCode, { ...REFUSAL.headers, 'content-type': REFUSAL.contentType, 'content-length': String(REFUSAL.body.length) });
  response.end(REFUSAL.body);
}

function addForwarded(headers: Record<string, unknown>, { socket, headers: { host } }: IncomingMessage): void {
  headers['x-forwarded-for'] = socket.remoteAddress;
  headers['x-forwarded-proto'] = 'http';
  headers['x-forwarded-host'] = host;
}

function forwardPlainly(pool: Pool, request: IncomingMessage, response: ServerResponse): void {
  const { connection: _, ...headers } = request.headers;
  headers['via'] = '1.1 plain';
  addForwarded(headers, request);
  const body = request.method === 'GET' ? null : request;
  pool.dispatch({ path: request.url ?? '/', method: request.method as 'GET', headers, body }, {
    onRequestStart: (controller) => {
      response.once('close', () => {
        if (!response.writableFinished) controller.abort(new Error('the client is gone'));
      });
    },
    onResponseStart: (_controller, statusCode, answered) => {
      response.writeHead(statusCode, { ...answered, via: '1.1 plain' });
    },
    onResponseData: (controller, chunk) => {
      if (response.write(chunk)) return;
      controller.pause();
      response.once('drain', () => controller.resume());
    },
    onResponseEnd: () => void response.end(),
    onResponseError: () => void response.destroy(),
  });
}

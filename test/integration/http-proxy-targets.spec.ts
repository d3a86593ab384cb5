/**
 * Where a proxy connects to comes from its routes alone. Callers try to name another address in every way that has
 * fooled one; watched is each connection that this process begins and each name that it looks up.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Cleanup, RawClient, route, startDataPlane, startRawUpstream, type DataPlane } from '../support/data-plane.ts';

const shared = new Cleanup();
const cleanup = new Cleanup();
let plane: DataPlane;
/** First lines that the configured upstream got. */
let reached: string[];
let victimPort = 0;
let victimised = 0;
const dialled = new Set<string>();

function watch(message: unknown): void {
  const { socket } = message as { socket: Socket };
  socket.on('connectionAttempt', (ip: string, port: number) => dialled.add(`${ip}:${port}`));
  socket.on('lookup', (...[, , , host]: [unknown, unknown, unknown, string]) => dialled.add(host));
}

beforeAll(async () => {
  const upstream = await startRawUpstream(shared, (socket) => {
    socket.on('data', (chunk) => {
      reached.push(/^[^\r]*/.exec(chunk.toString('latin1'))?.[0] ?? '');
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok');
    });
    socket.on('end', () => socket.end());
  });
  const victim = createServer((socket: Socket) => {
    victimised++;
    socket.destroy();
  }).listen(0, '127.0.0.1');
  await once(victim, 'listening');
  shared.add(() => victim.close());
  victimPort = (victim.address() as { port: number }).port;
  plane = await startDataPlane(shared, [route({ targets: [upstream.target] })]);
  allowed = new Set([`127.0.0.1:${plane.port}`, upstream.target]);
  subscribe('net.client.socket', watch);
  shared.add(() => void unsubscribe('net.client.socket', watch));
});
let allowed: ReadonlySet<string>;

afterAll(() => shared.run());
afterEach(() => cleanup.run());
beforeEach(() => {
  reached = [];
  dialled.clear();
});

/** V stands for the victim's port. */
async function ask(bytes: string): Promise<{ readonly status: string; readonly text: string }> {
  const client = new RawClient(cleanup, plane.port).send(bytes.replaceAll('V', String(victimPort)));
  const [, status = ''] = await client.until(/^HTTP\/1\.1 (\d+) [^]*\r\n\r\n/);
  return { status, text: client.text };
}

function expectNobodyElse(): void {
  // Our own connection to the proxy was seen, so others would have been.
  expect([dialled.has(`127.0.0.1:${plane.port}`), [...dialled].filter((address) => !allowed.has(address)), victimised]).toEqual([true, [], 0]);
}

const host = (value: string): string => `GET / HTTP/1.1\r\nHost: ${value}\r\n\r\n`;
const target = (value: string): string => `GET ${value} HTTP/1.1\r\nHost: api.test\r\n\r\n`;

describe('nobody is dialled for a Host', () => {
  it.each([
    ['an address', '127.0.0.1:V', '404'],
    ['an address in one number', '2130706433:V', '404'],
    ['an address in hexadecimal', '0x7f000001:V', '404'],
    ['an address in octal', '0177.0.0.1:V', '404'],
    ['an address in short', '127.1:V', '404'],
    ['nothing but zero', '0:V', '404'],
    ['an IPv6 address', '[::1]:V', '404'],
    ['an IPv4 address in IPv6', '[::ffff:127.0.0.1]:V', '404'],
    ['an IPv6 address with a zone', '[::1%25lo]:V', '400'],
    ['an IPv6 address without brackets', '::1:V', '400'],
    ['brackets that do not close', '[::1', '400'],
    ['a name that resolves', 'localhost:V', '404'],
    ['a name that resolves, in capitals and with a dot', 'LOCALHOST.:V', '404'],
    ['another port of a known name', 'api.test:V', '404'],
    ['port 0 of a known name', 'api.test:0', '404'],
    ['a port beyond all ports', 'api.test:99999', '404'],
    ['a port beyond all numbers', 'api.test:4294967376', '400'],
    ['two ports', 'api.test:80:V', '400'],
    ['a port with a sign', 'api.test:+80', '400'],
    ['a port that is none', 'api.test:http', '400'],
    ['a name that contains a known one', 'api.test.evil.test', '404'],
    ['a name that ends in a known one', 'evil-api.test', '404'],
    ['a known name with two dots', 'api.test..', '404'],
    ['a known name in percent-encoding', '%61pi.test', '404'],
    ['a percent-encoded end', 'api.test%00.evil.test', '404'],
    ['a percent-encoded at', 'api.test%40127.0.0.1:V', '404'],
    ['a known name as userinfo', 'api.test@127.0.0.1:V', '400'],
    ['a known name and port as userinfo', 'api.test:80@127.0.0.1:V', '400'],
    ['a known name in the fragment', '127.0.0.1:V#api.test', '400'],
    ['a known name in the query', '127.0.0.1:V?api.test', '400'],
    ['a known name as path', '127.0.0.1:V/api.test', '400'],
    ['a backslash', '127.0.0.1:V\\api.test', '400'],
    ['a whole URL', 'http://127.0.0.1:V', '400'],
    ['an address behind a space', 'api.test 127.0.0.1:V', '400'],
    ['an address behind a comma', 'api.test,127.0.0.1:V', '404'],
    ['a NUL', 'api.test\0.evil.test', '400'],
    ['a tab', 'api.test\t:80', '400'],
    ['a wide letter, in UTF-8', '\xef\xbd\x81pi.test', '400'],
    ['an ideographic dot, in UTF-8', 'api\xe3\x80\x82test', '400'],
    ['a soft hyphen, in Latin-1', 'api\xad.test', '400'],
  ])('that is %s: %s', async (...[, value, status]) => {
    expect(await ask(host(value))).toMatchObject({ status });
    expect(reached).toEqual([]);
    expectNobodyElse();
  });
});

describe('nobody is dialled for a target', () => {
  it.each([
    ['an absolute one of an address', 'http://127.0.0.1:V/', '404'],
    ['an absolute one of a name that resolves', 'http://localhost:V/', '404'],
    ['an absolute one of an IPv6 address', 'http://[::1]:V/', '404'],
    ['an absolute one with userinfo', 'http://api.test@127.0.0.1:V/', '400'],
    ['an absolute one with a name and port as userinfo', 'http://api.test:80@127.0.0.1:V/', '400'],
    ['an absolute one with a backslash', 'http://127.0.0.1:V\\@api.test/', '400'],
    ['an absolute one with backslashes for slashes', 'http:\\\\127.0.0.1:V/', '400'],
    ['an absolute one without a host', 'http:///127.0.0.1:V/', '400'],
    ['an absolute one of one slash', 'http:/127.0.0.1:V/', '400'],
    ['an absolute one of https', 'https://127.0.0.1:V/', '404'],
    ['an absolute one of ws', 'ws://127.0.0.1:V/', '400'],
    ['an absolute one of a file', 'file:///etc/passwd', '400'],
    ['an absolute one of gopher', 'gopher://127.0.0.1:V/_', '400'],
    ['an absolute one in percent-encoding', 'http://%31%32%37.0.0.1:V/', '404'],
    ['an authority alone', '127.0.0.1:V', '400'],
    ['an at sign', '@127.0.0.1:V/', '400'],
    ['a question mark', '?http://127.0.0.1:V/', '400'],
  ])('%s: %s', async (...[, value, status]) => {
    expect(await ask(target(value))).toMatchObject({ status });
    expect(reached).toEqual([]);
    expectNobodyElse();
  });
});

describe('a target goes to the configured upstream as it came:', () => {
  it.each([
    ['two slashes', '//127.0.0.1:V/x'],
    ['three slashes', '///127.0.0.1:V/x'],
    ['a slash and a backslash', '/\\127.0.0.1:V/x'],
    ['an at sign', '/@127.0.0.1:V/'],
    ['a URL as path', '/http://127.0.0.1:V/'],
    ['a URL in the query', '/?url=http://127.0.0.1:V/'],
    ['dots', '/../../x'],
    ['percent-encoded dots, slashes and ends of lines', '/%2e%2e%2f%0d%0aHost:%20evil.test'],
    ['a semicolon and a colon', '/;x:80@127.0.0.1:V'],
  ])('%s', async (_, value) => {
    expect(await ask(target(value))).toMatchObject({ status: '200' });
    expect(reached).toEqual([`GET ${value.replaceAll('V', String(victimPort))} HTTP/1.1`]);
    expectNobodyElse();
  });
});

describe('no header chooses an address:', () => {
  it.each([
    'X-Forwarded-Host: 127.0.0.1:V',
    'X-Forwarded-Server: 127.0.0.1:V',
    'X-Host: 127.0.0.1:V',
    'X-Original-URL: http://127.0.0.1:V/',
    'X-Rewrite-URL: http://127.0.0.1:V/',
    'Forwarded: host=127.0.0.1:V',
    'Referer: http://127.0.0.1:V/',
    'Destination: http://127.0.0.1:V/',
    'Location: http://127.0.0.1:V/',
    'Alt-Used: 127.0.0.1:V',
    'x-envoy-original-dst-host: 127.0.0.1:V',
    ':authority: 127.0.0.1:V',
  ])('%s', async (line) => {
    const { status } = await ask(`GET / HTTP/1.1\r\nHost: api.test\r\n${line}\r\n\r\n`);
    expect([status, reached]).toEqual(line.startsWith(':') ? ['400', []] : ['200', ['GET / HTTP/1.1']]);
    expectNobodyElse();
  });
});

it('a redirect is passed back, not followed', async () => {
  const upstream = await startRawUpstream(cleanup, (socket) => {
    socket.on('data', () => socket.write(`HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:${victimPort}/\r\nContent-Length: 0\r\n\r\n`));
  });
  const own = await startDataPlane(cleanup, [route({ targets: [upstream.target] })]);
  await new RawClient(cleanup, own.port).send(host('api.test')).until(/^HTTP\/1\.1 302 [^]*\r\nLocation: http:/);
  expect(victimised).toBe(0);
});

it.each(['api.test', 'API.TEST', 'Api.Test.', 'api.test:80', 'api.test.:80'])('%s means the configured one', async (value) => {
  expect(await ask(host(value))).toMatchObject({ status: '200' });
  expectNobodyElse();
});

it('who is unknown is named in the answer, and nothing of what was sent is', async () => {
  const { text } = await ask('GET /secret HTTP/1.1\r\nHost: no.test\r\nX-Secret: 1\r\n\r\n');
  expect(text).toMatch(/^HTTP\/1\.1 404 [^]*content-type: text\/plain[^]*\r\n\r\nno upstream is known for no\.test\n$/);
});

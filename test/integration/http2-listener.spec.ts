import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { Cleanup, RawClient, route, startDataPlane, startUpstream } from '../support/data-plane.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** An empty SETTINGS frame. */
const SETTINGS = '\0\0\0\x04\0\0\0\0\0';

describe('a listener', () => {
  it.each([[[PREFACE + SETTINGS]], [['P', 'RI * HT', 'TP/2.0\r\n', `\r\nSM\r\n\r\n${SETTINGS}`]]])('takes %j for HTTP/2', async (pieces) => {
    const plane = await startDataPlane(cleanup, [route({ protocol: 'h2c' })]);
    const client = new RawClient(cleanup, plane.port);
    await once(client.socket, 'connect');
    for (const piece of pieces) {
      client.send(piece);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    // A SETTINGS frame, whatever its length.
    await expect.poll(() => client.text.slice(3, 9)).toBe('\x04\0\0\0\0\0');
  });

  it.each([
    ['whose method begins like it', ['P', 'OST / HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n'], 200],
    ['whose preface goes wrong', ['PRI * HT', 'ML/2.0\r\n\r\n'], 400],
  ])('takes a request %s for HTTP/1', async (_, pieces, status) => {
    const { target } = await startUpstream(cleanup, (_request, response) => response.end());
    const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
    const client = new RawClient(cleanup, plane.port);
    await once(client.socket, 'connect');
    for (const piece of pieces) {
      client.send(piece);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await expect.poll(() => client.text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });
});

it.each([
  ['both of a name that is called by HTTP/2', 'rpc.test', ['http/1.1', 'h2'], 'h2'],
  ['both of a name that is called by HTTP/1.1', 'api.test', ['h2', 'http/1.1'], 'http/1.1'],
  ['both of nobody', '', ['h2', 'http/1.1'], 'http/1.1'],
  ['HTTP/2 alone of a name that is called by HTTP/1.1', 'api.test', ['h2'], 'h2'],
])('a TLS client that offers %s gets what is served there', async (...[, servername, ALPNProtocols, agreed]) => {
  const { cert, key } = makeCertificate({ commonName: 'rpc.test', names: ['rpc.test', 'api.test'] });
  const plane = await startDataPlane(cleanup, [route(), route({ name: 'rpc', host: 'rpc.test', protocol: 'grpc' })], { tls: { cert, key } });
  const socket = connect({ host: '127.0.0.1', port: plane.port, servername, ALPNProtocols, rejectUnauthorized: false });
  cleanup.add(() => socket.destroy());
  await once(socket, 'secureConnect');
  expect(socket.alpnProtocol).toBe(agreed);
});

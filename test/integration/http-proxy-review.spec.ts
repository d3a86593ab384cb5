/** Ends of calls and connections that no other part of the tests comes across. */
import type { Socket } from 'node:net';
import { afterEach, expect, it, vi } from 'vitest';
import { call, Cleanup, RawClient, route, startDataPlane, startRawUpstream, startUpstream } from '../support/data-plane.ts';
import { agreement, startHeadReader, UPGRADE_REQUEST } from '../support/web-socket.ts';

const cleanup = new Cleanup();
afterEach(() => cleanup.run());

it('a call that is tried again does not stand in its own way where one request is allowed', async () => {
  let calls = 0;
  const { target } = await startUpstream(cleanup, (_, response) => response.writeHead(++calls === 1 ? 503 : 200).end());
  const plane = await startDataPlane(cleanup, [route({ targets: [target], retries: { attempts: 1, on: [503] }, limits: { maxRequests: 1 } })]);
  expect(await call(plane.port)).toMatchObject({ status: 200 });
  expect(plane.calls).toMatchObject([{ answer: 'upstream', statusCode: 200 }]);
});

it('a client of HTTP/1.0 is told by a reset that a body without a length is not whole', async () => {
  const sockets: Socket[] = [];
  const { target } = await startRawUpstream(cleanup, (socket) => {
    sockets.push(socket);
    socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n'));
  });
  const plane = await startDataPlane(cleanup, [route({ targets: [target] })]);
  const client = new RawClient(cleanup, plane.port);
  const errors: unknown[] = [];
  client.socket.on('error', (error) => errors.push(error));
  client.send('GET / HTTP/1.0\r\nHost: api.test\r\n\r\n');
  await client.until(/first/);
  sockets[0]?.destroy();
  await client.untilClosed();
  expect(errors).toMatchObject([{ code: 'ECONNRESET' }]);
});

it('bytes sent right behind a wish to upgrade reach the upstream once it has agreed', async () => {
  const reader = await startHeadReader(cleanup, ({ socket }) => socket.write(agreement()));
  const plane = await startDataPlane(cleanup, [route({ targets: [reader.target] })]);
  new RawClient(cleanup, plane.port).send(`${UPGRADE_REQUEST}early`);
  await vi.waitFor(() => expect(reader.peers[0]?.text).toContain('early'));
});

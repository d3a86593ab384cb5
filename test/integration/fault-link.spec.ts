/** The fault matrix rests on what its links do to connections. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { FaultLink } from '../support/fault-link.ts';

interface Ends {
  readonly link: FaultLink;
  readonly near: Socket;
  readonly far: Socket;
  /** What came to each end. */
  readonly came: { near: string; far: string };
}

async function joined(): Promise<Ends> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const link = await FaultLink.open((server.address() as AddressInfo).port);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = connect(link.port, '127.0.0.1');
  const [far] = await accepted;
  onTestFinished(async () => {
    for (const socket of [near, far]) socket.destroy();
    await link.close();
    server.close();
  });
  const came = { near: '', far: '' };
  for (const [name, socket] of [['near', near], ['far', far]] as const) {
    socket.on('error', () => undefined).on('data', (bytes) => void (came[name] += bytes.toString()));
  }
  return { link, near, far, came };
}

const becomes = (came: Ends['came'], wanted: Partial<Ends['came']>): Promise<true> =>
  eventually(() => (Object.entries(wanted).every(([end, text]) => came[end as 'near'] === text) ? true : undefined), { what: JSON.stringify(wanted) });

const isClosed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

test('passes bytes on in both directions, late by its latency and in their order', async () => {
  const { link, near, far, came } = await joined();
  link.delay(100);
  const fromMs = performance.now();
  near.write('a');
  await becomes(came, { far: 'a' });
  expect(performance.now() - fromMs).toBeGreaterThan(95);
  far.write('1');
  link.delay(0);
  far.write('2');
  await becomes(came, { near: '12' });
});

test('swallows one direction and not the other, and closes nothing', async () => {
  const { link, near, far, came } = await joined();
  link.way.toClient = 'lost';
  far.write('lost');
  near.write('asked');
  await becomes(came, { far: 'asked' });
  link.heal();
  far.write('heard');
  await becomes(came, { near: 'heard' });
});

test('cuts after so many bytes of a direction, neither more nor fewer', async () => {
  const { link, near, came } = await joined();
  link.cutAfter('toServer', 3);
  const closed = isClosed(near);
  near.write('12345');
  await closed;
  await becomes(came, { far: '123' });
});

test('a watcher sees what goes by, and may let it pass, swallow it, or cut the connection instead', async () => {
  const { link, near, came } = await joined();
  let seen = '';
  link.watcher = (bytes) => {
    seen += bytes.toString();
    return bytes.includes('x') ? 'swallow' : bytes.includes('!') ? 'cut' : 'pass';
  };
  near.write('a');
  await becomes(came, { far: 'a' });
  near.write('x');
  await eventually(() => (seen === 'ax' ? true : undefined), { what: 'the watcher to see it' });
  const closed = isClosed(near);
  near.write('!');
  await closed;
  expect(came.far).toBe('a');
});

test('resets, and refuses new connections', async () => {
  const { link, near } = await joined();
  const ended = isClosed(near);
  link.reset();
  await ended;
  link.refuses = true;
  const refused = connect(link.port, '127.0.0.1');
  const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNRESET');
});

/** A TCP proxy between us and a server, to do to connections what networks do. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * `open` passes everything on; `deaf` passes requests on and swallows answers; `dead` swallows both, as a path does
 * whose far end is gone: nothing is closed, and nothing comes.
 */
export type GateState = 'open' | 'deaf' | 'dead';

export interface Gate {
  readonly port: number;
  /** Holds for open connections and new ones. */
  state: GateState;
  /** Connections so far. */
  readonly accepted: number;
  /** Ends every open connection. */
  cut(): void;
}

/** In front of `port` on loopback; closed at the test's end. */
export async function gateTo(port: number): Promise<Gate> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((near) => {
    accepted++;
    const far = connect(port, '127.0.0.1');
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined).on('close', () => (sockets.delete(socket), other.destroy()));
    }
    near.on('data', (bytes) => gate.state === 'dead' || far.write(bytes));
    far.on('data', (bytes) => gate.state !== 'open' || near.write(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => sockets.forEach((socket) => socket.destroy());
  const gate: Gate = {
    port: (server.address() as AddressInfo).port,
    state: 'open',
    get accepted() {
      return accepted;
    },
    cut,
  };
  onTestFinished(() => new Promise<void>((resolve) => (server.close(() => resolve()), cut())));
  return gate;
}

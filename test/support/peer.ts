/** Raw sockets whose every event a test can wait for. */
import { connect, type Socket } from 'node:net';
import type { Cleanup } from './data-plane.ts';
import { eventually } from './eventually.ts';

/** One end of a connection, which does nothing by itself but read. */
export class Peer {
  readonly socket: Socket;
  text = '';
  bytes = 0;
  hasEnded = false;
  isClosed = false;
  /** Of the error that it ended with. */
  code: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket
      .on('data', (chunk: Buffer) => {
        this.bytes += chunk.length;
        if (this.bytes < 65_536) this.text += chunk.toString('latin1');
      })
      .on('end', () => (this.hasEnded = true))
      .on('error', (error: NodeJS.ErrnoException) => (this.code = error.code))
      .on('close', () => (this.isClosed = true));
  }

  static connect(cleanup: Cleanup, port: number): Peer {
    const peer = new Peer(connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true }));
    cleanup.add(() => peer.socket.destroy());
    return peer;
  }

  async until(what: string, holds: (peer: Peer) => boolean): Promise<this> {
    await eventually(() => holds(this) || undefined, { what: `${what}; ${JSON.stringify(this.text.slice(0, 100))}, ended ${this.hasEnded}, closed ${this.isClosed} ${this.code}`, everyMs: 2 });
    return this;
  }

  async reads(text: string): Promise<this> {
    return this.until(`"${text}"`, (peer) => peer.text === text);
  }

  async ends(): Promise<this> {
    return this.until('an end', (peer) => peer.hasEnded);
  }

  async isReset(): Promise<this> {
    return this.until('a reset', (peer) => peer.code === 'ECONNRESET' && peer.isClosed);
  }
}

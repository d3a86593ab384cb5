/** A client for many small exchanges: it writes bytes, and looks at what came as soon as it comes. */
import { connect, type Socket } from 'node:net';

/** Ticks of 100 ms: 20 s of a process that runs. One that stood still with its machine is given them all the same. */
const TICKS_MAX = 200;

export class QuickClient {
  text = '';
  isClosed = false;
  readonly socket: Socket;
  #look = (): void => undefined;

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket
      .on('data', (chunk) => {
        this.text += chunk.toString('latin1');
        this.#look();
      })
      .on('error', () => undefined)
      .on('close', () => {
        this.isClosed = true;
        this.#look();
      });
  }

  /** The same connection for another exchange, where it is still open. */
  static next(before: QuickClient | undefined, port: number): QuickClient {
    if (before === undefined || before.isClosed || before.socket.destroyed) return new QuickClient(port);
    before.text = '';
    return before;
  }

  /** Until that holds or the connection is closed. @throws Error if neither comes. */
  async until(isDone: () => boolean): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      let ticks = 0;
      const timer = setInterval(() => {
        if (++ticks > TICKS_MAX) end(() => reject(new Error(`neither an answer nor an end after ${JSON.stringify(this.text)}`)));
      }, 100);
      const end = (then: () => void): void => {
        clearInterval(timer);
        this.#look = () => undefined;
        then();
      };
      this.#look = () => {
        try {
          if (this.isClosed || isDone()) end(resolve);
        } catch (error) {
          end(() => reject(error instanceof Error ? error : new Error('', { cause: error })));
        }
      };
      this.#look();
    });
  }
}

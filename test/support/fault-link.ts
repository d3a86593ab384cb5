/**
 * A TCP proxy between a client and a server on loopback, to do to their connections what networks do: delay, swallow in
 * one direction or both, cut, reset, refuse, and cut at a byte or at what is said.
 */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export type Direction = 'toServer' | 'toClient';

/** `lost`: bytes are swallowed, and nothing is closed, as on a path whose far end is gone. */
export type Way = 'open' | 'lost';

/** What becomes of bytes that are about to go on. `swallow` takes these alone; `cut` ends the connection instead. */
export type Verdict = 'pass' | 'swallow' | 'cut';

/** Looks at what goes by, before anything else is done to it. */
export type Watcher = (bytes: Buffer, direction: Direction, connection: number) => Verdict;

const DIRECTIONS: readonly Direction[] = ['toServer', 'toClient'];
/** Bytes that a delayed direction may hold; a sender that is faster waits, as with a full socket. */
const HELD_BYTES_MAX = 4 * 1024 * 1024;

export class FaultLink {
  readonly #server: Server;
  readonly #connections = new Map<number, Connection>();
  #accepted = 0;
  /** Port that new connections lead to. */
  target: number;
  /** Hold for open connections and new ones. */
  readonly way: Record<Direction, Way> = { toServer: 'open', toClient: 'open' };
  readonly latencyMs: Record<Direction, number> = { toServer: 0, toClient: 0 };
  /** New connections are reset. */
  refuses = false;
  watcher: Watcher = () => 'pass';

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer((near) => {
      if (this.refuses) return void near.resetAndDestroy();
      const number = ++this.#accepted;
      const connection = new Connection(this, { number, near, far: connect(this.target, '127.0.0.1') }, () => this.#connections.delete(number));
      this.#connections.set(number, connection);
    });
  }

  /** In front of that port on loopback; on a port of its own, or on `at`. */
  static async open(target: number, at = 0): Promise<FaultLink> {
    const link = new FaultLink(target);
    await new Promise<void>((resolve, reject) => link.#server.once('error', reject).listen(at, '127.0.0.1', resolve));
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Both directions at once. */
  swallow(way: Way): void {
    for (const direction of DIRECTIONS) this.way[direction] = way;
  }

  /** Both directions at once. */
  delay(ms: number): void {
    for (const direction of DIRECTIONS) this.latencyMs[direction] = ms;
  }

  /** Ends every open connection. */
  cut(): void {
    for (const connection of this.#connections.values()) connection.end('close');
  }

  /** The same, with an RST. */
  reset(): void {
    for (const connection of this.#connections.values()) connection.end('reset');
  }

  /** Ends each connection once so many more bytes have gone that way on it. */
  cutAfter(direction: Direction, bytes: number): void {
    for (const connection of this.#connections.values()) connection.left[direction] = bytes;
  }

  /** No faults from here on; what was cut stays cut. */
  heal(): void {
    this.swallow('open');
    this.delay(0);
    this.refuses = false;
    this.watcher = () => 'pass';
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.cut();
    await closed;
  }
}

interface Ends {
  readonly number: number;
  readonly near: Socket;
  readonly far: Socket;
}

class Connection {
  readonly #link: FaultLink;
  readonly #ends: Ends;
  /** Bytes that may still go that way. */
  readonly left: Record<Direction, number> = { toServer: Infinity, toClient: Infinity };
  readonly #held: Record<Direction, number> = { toServer: 0, toClient: 0 };
  /** Keeps the order, whatever the delay of each. */
  readonly #last: Record<Direction, Promise<void>> = { toServer: Promise.resolve(), toClient: Promise.resolve() };

  constructor(link: FaultLink, ends: Ends, onClose: () => void) {
    this.#link = link;
    this.#ends = ends;
    const { near, far } = ends;
    for (const [from, to, direction] of [[near, far, 'toServer'], [far, near, 'toClient']] as const) {
      from.setNoDelay(true);
      from.on('data', (bytes: Buffer) => this.#take(bytes, direction));
      from.on('error', () => undefined).on('close', () => (to.destroy(), onClose()));
    }
  }

  end(how: 'close' | 'reset'): void {
    for (const socket of [this.#ends.near, this.#ends.far]) void (how === 'reset' ? socket.resetAndDestroy() : socket.destroy());
  }

  #take(bytes: Buffer, direction: Direction): void {
    const verdict = this.#link.watcher(bytes, direction, this.#ends.number);
    if (verdict === 'cut') return this.end('close');
    if (verdict === 'swallow' || this.#link.way[direction] === 'lost') return;
    const delayMs = this.#link.latencyMs[direction];
    if (delayMs === 0 && this.#held[direction] === 0) return this.#pass(bytes, direction);
    this.#hold(bytes, direction, delayMs);
  }

  #hold(bytes: Buffer, direction: Direction, delayMs: number): void {
    const from = direction === 'toServer' ? this.#ends.near : this.#ends.far;
    this.#held[direction] += bytes.length;
    if (this.#held[direction] > HELD_BYTES_MAX) from.pause();
    const due = new Promise<void>((resolve) => setTimeout(resolve, delayMs));
    this.#last[direction] = Promise.all([due, this.#last[direction]]).then(() => {
      this.#held[direction] -= bytes.length;
      if (this.#held[direction] <= HELD_BYTES_MAX) from.resume();
      if (this.#link.way[direction] === 'open') this.#pass(bytes, direction);
    });
  }

  #pass(bytes: Buffer, direction: Direction): void {
    const to = direction === 'toServer' ? this.#ends.far : this.#ends.near;
    const passing = bytes.subarray(0, this.left[direction]);
    this.left[direction] -= passing.length;
    if (!to.destroyed) to.write(passing, () => this.left[direction] <= 0 && this.end('close'));
  }
}

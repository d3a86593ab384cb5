/**
 * So many workers, for as long as the primary lives: one that ends is replaced, at once the first time, then after
 * longer and longer pauses; where one ends again and again, the pool gives up and the process with it.
 */
import cluster, { type Worker } from 'node:cluster';
import { StartError, type Address, type Logger } from '#runtime';
import { closeLostHandOffs } from './hand-offs.ts';
import { WorkerLink } from './link.ts';

export interface WorkerPoolOptions {
  readonly workers: number;
  /** Variables of the worker of that number, beside the primary's. */
  readonly env: (worker: number) => Readonly<Record<string, string>>;
  readonly logger: Logger;
  /** One has ended, asked to or not. */
  readonly onEnded: (worker: number) => void;
  /** They can't be kept alive: the process should end. */
  readonly onHopeless: (why: string) => void;
}

interface Seat {
  /** From 1; whoever takes the seat after another has the same. */
  readonly number: number;
  /** Absent between two workers. */
  worker: Worker | undefined;
  link: WorkerLink | undefined;
  isListening: boolean;
  startedMs: number;
  /** Ends in a row, each sooner than LASTING_MS after its start. */
  ends: number;
}

/** A worker that has lived so long was no failure to start, ms. */
const LASTING_MS = 60_000;
/** Pause before the second replacement in a row, doubled each time, ms. */
const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 5_000;
/** More ends in a row mean that a restart doesn't help. */
const ENDS_IN_A_ROW_MAX = 10;

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #seats: readonly Seat[];
  readonly #pauses = new Set<NodeJS.Timeout>();
  #hasStarted = false;
  #isStopping = false;
  /** Whether one ended otherwise than asked to. */
  #hasFailed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#seats = Array.from({ length: options.workers }, (_, i) => ({ number: i + 1, worker: undefined, link: undefined, isListening: false, startedMs: 0, ends: 0 }));
    cluster.schedulingPolicy = cluster.SCHED_RR;
  }

  /** For asking; those that are being replaced have no link. */
  get links(): readonly { readonly number: number; readonly link: WorkerLink | undefined }[] {
    return this.#seats;
  }

  get listening(): number {
    return this.#seats.filter(({ isListening }) => isListening).length;
  }

  /**
   * The first alone, then the others: what is wrong is said once, and port 0 becomes one port for all.
   * @throws {StartError} one ended before it listened; it has said why.
   */
  async start(): Promise<Address> {
    const [first, ...others] = this.#seats;
    if (first === undefined) throw new Error('assertion: a pool has workers');
    const address = await this.#fill(first);
    await Promise.all(others.map((seat) => this.#fill(seat)));
    this.#hasStarted = true;
    return address;
  }

  /**
   * Resolves when all have ended by themselves; what is left after withinMs is killed.
   * @throws Error where one didn't end in order.
   */
  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true;
    for (const pause of this.#pauses) clearTimeout(pause);
    const living = this.#seats.flatMap(({ worker }) => (worker === undefined || worker.isDead() ? [] : [worker]));
    const timer = setTimeout(() => living.forEach(({ process: child }) => child.kill('SIGKILL')), withinMs);
    await Promise.all(living.map((worker) => new Promise((resolve) => worker.once('exit', resolve).process.kill('SIGTERM'))));
    clearTimeout(timer);
    if (this.#hasFailed) throw new Error('not every worker ended in order');
  }

  /**
   * Gives where it listens, once it does.
   * @throws {StartError} it ended before.
   */
  #fill(seat: Seat): Promise<Address> {
    const { promise, resolve, reject } = Promise.withResolvers<Address>();
    const { logger, env } = this.#options;
    const worker = cluster.fork(env(seat.number));
    const { pid } = worker.process;
    closeLostHandOffs(worker);
    seat.worker = worker;
    seat.startedMs = performance.now();
    seat.link = new WorkerLink(worker, (address) => {
      seat.isListening = true;
      logger.info({ worker: seat.number, pid }, `worker ${seat.number} serves calls (pid ${pid})`);
      resolve(address);
    });
    const end = (how: string): void => {
      if (!this.#isStopping) reject(new StartError(`worker ${seat.number} ended with ${how} before it listened; what it said stands above`));
      this.#onEnd(seat, { pid, how });
    };
    worker.once('exit', (code, signal) => end(signal ?? `code ${code}`));
    worker.on('error', (error) => {
      // No process was made of it; else its channel broke, and its end is told too.
      if (pid === undefined) end(error.message);
    });
    return promise;
  }

  #onEnd(seat: Seat, { pid, how }: { readonly pid: number | undefined; readonly how: string }): void {
    const { isListening, number } = seat;
    seat.worker = undefined;
    seat.link = undefined;
    seat.isListening = false;
    this.#options.onEnded(number);
    if (this.#isStopping) {
      if (isListening && how !== 'code 0') this.#hasFailed = true;
      return;
    }
    // The start fails by that (`start`).
    if (!this.#hasStarted && !isListening) return;
    seat.ends = performance.now() - seat.startedMs < LASTING_MS ? seat.ends + 1 : 1;
    if (seat.ends > ENDS_IN_A_ROW_MAX) return this.#giveUp(seat, how);
    const waitMs = seat.ends === 1 ? 0 : Math.min(PAUSE_FIRST_MS * 2 ** (seat.ends - 2), PAUSE_MAX_MS);
    this.#options.logger.warn({ worker: number, pid }, `worker ${number} (pid ${pid}) ended with ${how}; another takes its place in ${waitMs} ms`);
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      // Where it fails again its end is told, and counts.
      this.#fill(seat).catch(() => undefined);
    }, waitMs);
    this.#pauses.add(pause);
  }

  #giveUp({ number }: Seat, how: string): void {
    this.#hasFailed = true;
    this.#options.onHopeless(`worker ${number} ended ${ENDS_IN_A_ROW_MAX + 1} times in a row, last with ${how}`);
  }
}

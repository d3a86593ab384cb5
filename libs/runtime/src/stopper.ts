/**
 * The graceful end: SIGTERM or SIGINT runs what was registered, last first (what started last stops first), and ends
 * the process with 0. After the deadline it ends with 1 all the same, and a second signal ends it at once. An error
 * that nobody caught is a bug in an unknown state: logged, and ended with 1; a supervisor starts the process again.
 */
import type { Logger } from './logger.ts';
import { StartError } from './start-error.ts';

/** How long everything together may take, ms. */
export const STOP_DEADLINE_MS = 10_000;
/** npm hands a terminal's Ctrl-C on, so one key press arrives twice; only later is it a second one, ms. */
const SAME_SIGNAL_MS = 1_000;

export interface StopperOptions {
  readonly logger: Logger;
  /** Default STOP_DEADLINE_MS. */
  readonly deadlineMs?: number;
  /** Default `process.exit`. */
  readonly exit?: (code: number) => void;
}

interface Hook {
  readonly name: string;
  readonly run: () => Promise<void> | void;
}

export class Stopper {
  readonly #logger: Logger;
  readonly #deadlineMs: number;
  readonly #exit: (code: number) => void;
  readonly #hooks: Hook[] = [];
  #stoppingSinceMs: number | undefined;

  constructor({ logger, deadlineMs = STOP_DEADLINE_MS, exit = (code) => process.exit(code) }: StopperOptions) {
    this.#logger = logger;
    this.#deadlineMs = deadlineMs;
    this.#exit = exit;
  }

  /** Listens for signals and for errors that nobody caught. Once a process. */
  install(): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#signalled(signal));
    process.on('uncaughtException', (error) => this.#died('uncaught error', error));
    process.on('unhandledRejection', (reason) => this.#died('unhandled rejection', reason));
  }

  /** `name` is for the log, if `run` fails or hangs. */
  onStop(name: string, run: () => Promise<void> | void): void {
    this.#hooks.push({ name, run });
  }

  get stopping(): boolean {
    return this.#stoppingSinceMs !== undefined;
  }

  /** Runs the hooks and ends the process: 0, or 1 where a hook failed or the deadline passed. */
  async stop(reason: string): Promise<void> {
    if (this.stopping) return;
    this.#stoppingSinceMs = performance.now();
    this.#logger.info({ reason }, `stopping: ${reason}`);
    let current = '';
    const deadline = setTimeout(() => {
      this.#logger.error({ hook: current }, `${current} did not stop within ${this.#deadlineMs} ms: ending without it`);
      this.#exit(1);
    }, this.#deadlineMs);
    let failed = false;
    for (const { name, run } of this.#hooks.toReversed()) {
      current = name;
      try {
        await run();
      } catch (error) {
        failed = true;
        this.#logger.error({ err: error, hook: name }, `${name} failed to stop`);
      }
    }
    clearTimeout(deadline);
    this.#logger.info('stopped');
    this.#exit(failed ? 1 : 0);
  }

  #signalled(signal: NodeJS.Signals): void {
    if (this.#stoppingSinceMs === undefined) return void this.stop(signal);
    if (performance.now() - this.#stoppingSinceMs < SAME_SIGNAL_MS) return;
    this.#logger.warn(`${signal} again: ending at once`);
    this.#exit(1);
  }

  #died(what: string, error: unknown): void {
    this.#logger.fatal({ err: error }, error instanceof StartError ? `${error.message}: ending` : `${what}: ending`);
    this.#exit(1);
  }
}

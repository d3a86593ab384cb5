/** Lives lived on several cores: each in one of a few threads, whose number changes nothing but how long it takes. */
import { Worker } from 'node:worker_threads';
import type { Life, LifeOptions } from './life.ts';
import type { Shrunk } from './shrink.ts';

export type LifeTask = Omit<LifeOptions, 'print'>;

export type Task = { readonly kind: 'live'; readonly options: LifeTask } | { readonly kind: 'shrink'; readonly options: LifeTask; readonly livesMax: number };

/** What a thread answers to each. */
export interface Answers {
  readonly live: Life;
  readonly shrink: Shrunk;
}

export interface Lived {
  readonly options: LifeTask;
  readonly life: Life;
}

/** A life that runs on and on is given up after so long, and the same for each step that was asked for, ms. */
const LIFE_MAX_MS = 60_000;
const STEP_MAX_MS = 5;
/** Lives begun ahead of the one that is told next, for each thread. */
const AHEAD_MAX = 8;

export class Workers {
  readonly count: number;
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];
  readonly #all = new Set<Worker>();

  constructor(count: number) {
    this.count = count;
    for (let n = 0; n < count; n++) this.#begin();
  }

  async do<K extends Task['kind']>(task: Task & { kind: K }): Promise<Answers[K]> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => void this.#waiting.push(resolve)));
    try {
      return (await answer(worker, task)) as Answers[K];
    } catch (error) {
      // What state it is in nobody knows.
      this.#all.delete(worker);
      await worker.terminate();
      this.#begin();
      throw new Error(`seed ${task.options.seed}, ${task.options.steps} steps: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    } finally {
      if (this.#all.has(worker)) this.#free(worker);
    }
  }

  /** In the order of their seeds, however they end. */
  async *live(lives: Iterable<LifeTask>): AsyncGenerator<Lived> {
    const begun: Promise<Lived>[] = [];
    for (const options of lives) {
      const life = this.do({ kind: 'live', options }).then((each) => ({ options, life: each }));
      // Told when its turn comes.
      life.catch(() => undefined);
      begun.push(life);
      if (begun.length >= this.count * AHEAD_MAX) yield await (begun.shift() as Promise<Lived>);
    }
    for (const life of begun) yield await life;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all].map(async (worker) => await worker.terminate()));
  }

  #begin(): void {
    const worker = new Worker(new URL('./worker.ts', import.meta.url));
    this.#all.add(worker);
    this.#free(worker);
  }

  #free(worker: Worker): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#idle.push(worker);
    else next(worker);
  }
}

async function answer(worker: Worker, task: Task): Promise<unknown> {
  const lives = task.kind === 'shrink' ? task.livesMax : 1;
  const mostMs = (LIFE_MAX_MS + STEP_MAX_MS * task.options.steps) * lives;
  return await new Promise<unknown>((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      worker.off('message', answered).off('error', failed);
    };
    const answered = (message: unknown): void => {
      end();
      resolve(message);
    };
    const failed = (error: unknown): void => {
      end();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const timer = setTimeout(() => failed(new Error(`it did not end within ${mostMs} ms`)), Math.min(mostMs, 2 ** 31 - 1));
    // What is waited for at the end is the threads alone.
    timer.unref();
    worker.on('message', answered).on('error', failed);
    worker.postMessage(task, []);
  });
}

/** What a primary and its workers say to each other, over the channel that node:cluster gives them. */
import type { Worker } from 'node:cluster';
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import type { Address, HealthReport, Runtime } from '#runtime';

export type MetricList = MetricObjectWithValues<MetricValue<string>>[];

/** What a worker can be asked. */
interface Answers {
  readonly alive: HealthReport;
  readonly ready: HealthReport;
  readonly metrics: MetricList;
}

type Asked = { readonly kind: 'ask'; readonly id: number; readonly what: keyof Answers };
type Said = { readonly kind: 'answer'; readonly id: number; readonly answer: unknown } | { readonly kind: 'listening'; readonly address: Address };

/** A worker that takes longer is busy or stopped, ms. */
const ANSWER_WITHIN_MS = 1_000;

/** In a worker: answers its primary from now on, in place of an admin server of its own. */
export function answerPrimary({ health, metrics }: Pick<Runtime, 'health' | 'metrics'>): { listening(address: Address): void } {
  const tell = (said: Said): void => void process.send?.(said);
  const answers: { readonly [K in keyof Answers]: () => Answers[K] | Promise<Answers[K]> } = {
    alive: () => health.alive(),
    ready: () => health.ready(),
    metrics: () => metrics.registry.getMetricsAsJSON(),
  };
  process.on('message', (asked: Asked) => {
    void Promise.resolve(answers[asked.what]()).then((answer) => tell({ kind: 'answer', id: asked.id, answer }));
  });
  return { listening: (address) => tell({ kind: 'listening', address }) };
}

/** In the primary: one worker, as it can be spoken with. */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #asked = 0;

  /** @param onListening it serves calls, there */
  constructor(worker: Worker, onListening: (address: Address) => void) {
    this.#worker = worker;
    worker.on('message', (said: Said) => {
      if (said.kind === 'listening') return onListening(said.address);
      this.#waiting.get(said.id)?.(said.answer);
    });
  }

  /** Undefined: it doesn't answer in time, or is gone. */
  async ask<K extends keyof Answers>(what: K): Promise<Answers[K] | undefined> {
    if (!this.#worker.isConnected()) return undefined;
    const id = this.#asked++;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => resolve(undefined), ANSWER_WITHIN_MS);
    this.#waiting.set(id, resolve);
    this.#worker.send({ kind: 'ask', id, what } satisfies Asked);
    const answer = await promise;
    clearTimeout(timer);
    this.#waiting.delete(id);
    return answer as Answers[K] | undefined;
  }
}

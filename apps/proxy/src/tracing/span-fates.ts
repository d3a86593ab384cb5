/** What becomes of spans, counted; and a collector that can't be told, said once and once more when it can. */
import { Counter } from 'prom-client';
import type { Logger, Metrics } from '#runtime';

const FATES = ['exported', 'failed', 'dropped'] as const;
type Fate = (typeof FATES)[number];

export interface SpanFatesOptions {
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, 'registry'>;
  /** Where the collector is, as may be shown. */
  readonly place: string;
}

export class SpanFates {
  /** In the queue. */
  waiting = 0;
  /** Handed to the exporter, which hasn't said what became of them. */
  underWay = 0;
  readonly #options: SpanFatesOptions;
  readonly #counter: Counter<'fate'>;
  #isFailing = false;

  constructor(options: SpanFatesOptions) {
    this.#options = options;
    this.#counter = new Counter({
      name: 'fuseboard_trace_spans_total',
      help: 'Spans recorded, by what became of them; failed: the collector could not be told; dropped: the queue was full',
      labelNames: ['fate'],
      registers: [options.metrics.registry],
    });
    for (const fate of FATES) this.#counter.inc({ fate }, 0);
  }

  dropped(): void {
    this.#count('dropped', 1);
  }

  exported(spans: number): void {
    this.#count('exported', spans);
    if (this.#isFailing) this.#options.logger.info(`traces reach ${this.#options.place} again`);
    this.#isFailing = false;
  }

  failed(spans: number, error: Error | undefined): void {
    this.#count('failed', spans);
    if (this.#isFailing) return;
    this.#isFailing = true;
    const reason = reasonOf(error);
    this.#options.logger.warn({ reason, spans }, `traces could not be told to ${this.#options.place} (${reason}); calls go on, and fuseboard_trace_spans_total counts what is lost`);
  }

  #count(fate: Fate, spans: number): void {
    this.#counter.inc({ fate }, spans);
  }
}

/** Never what the collector wrote, which may hold what it was sent: headers among that. */
function reasonOf(error: Error | undefined): string {
  const { code } = (error ?? {}) as { code?: string | number };
  if (typeof code === 'number') return `HTTP ${code}`;
  return code ?? (error?.message === 'Request timed out' ? 'no answer in time' : 'refused, or no answer in time');
}

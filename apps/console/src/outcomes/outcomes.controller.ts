/** What was reported about an upstream, for people: `/api/v1/breakers/{upstream}/outcomes`, and one record of the log. */
import { Controller, Get, HttpException, Inject, Param, Query } from '@nestjs/common';
import { DRIVERS, type Drivers } from '#drivers';
import { RUNTIME, type Runtime } from '#runtime';
import { BreakerQueries, invalid, isRefusal } from '../breaker-queries.ts';
import type { BreakerView } from '../breaker-view.ts';
import { asHttp, offsetOf } from '../http-answers.ts';
import { outcomeJson, recentJson } from '../json.ts';
import { readOutcome, recentOutcomes } from './recent-outcomes.ts';

const SPANS_S = [120, 600, 3_600];
/** Readings of the log at once: each holds up to 20,000 records. */
const READINGS_MAX = 4;

@Controller('api/v1/breakers/:upstream/outcomes')
export class OutcomesController {
  readonly #queries: BreakerQueries;
  readonly #reader: Drivers['reader'];
  readonly #logger: Runtime['logger'];
  #readings = 0;

  constructor(@Inject(BreakerQueries) queries: BreakerQueries, @Inject(DRIVERS) { reader }: Pick<Drivers, 'reader'>, @Inject(RUNTIME) { logger }: Pick<Runtime, 'logger'>) {
    this.#queries = queries;
    this.#reader = reader;
    this.#logger = logger;
  }

  @Get()
  async recent(@Param('upstream') name: string, @Query('span_s') span: unknown): Promise<object> {
    const { snapshot: { upstream }, partition } = this.#breaker(name);
    const spanS = span === undefined ? SPANS_S[0] : SPANS_S.find((each) => `${each}` === span);
    if (spanS === undefined) throw asHttp(invalid('span_s', JSON.stringify(span).slice(0, 40), SPANS_S.join(', ')));
    const slowTimeMs = this.#queries.policy(upstream)?.slowTimeThresholdMs;
    return recentJson(await this.#read(() => recentOutcomes(this.#reader, { upstream, partition, spanMs: spanS * 1_000, nowMs: Date.now(), slowTimeMs })));
  }

  @Get(':offset')
  async one(@Param('upstream') name: string, @Param('offset') text: string): Promise<object> {
    const { snapshot: { upstream }, partition } = this.#breaker(name);
    const offset = offsetOf(text);
    const [record] = await this.#read(() => this.#reader.read(partition, offset, 1));
    const read = record?.offset === offset ? readOutcome(record, { upstream, slowTimeMs: this.#queries.policy(upstream)?.slowTimeThresholdMs }) : undefined;
    if (read === undefined) throw new HttpException(`there is no outcome of ${upstream} at offset ${offset} of partition ${partition}: it may be older than what the log keeps`, 404);
    return outcomeJson(read);
  }

  #breaker(name: string): BreakerView {
    const view = this.#queries.get(name);
    if (isRefusal(view)) throw asHttp(view);
    return view;
  }

  async #read<T>(reading: () => Promise<T>): Promise<T> {
    if (this.#readings >= READINGS_MAX) throw new HttpException(`the outcomes log is being read ${READINGS_MAX} times already`, 503);
    this.#readings++;
    try {
      return await reading();
    } catch (error) {
      this.#logger.warn({ err: error }, 'the outcomes could not be read');
      const { message } = error as Error;
      throw new HttpException(/authori[sz]|lacks/i.test(message) ? "this console's Kafka login may not read the outcomes (docs/kafka.md)" : 'the outcomes cannot be read right now', 503);
    } finally {
      this.#readings--;
    }
  }
}

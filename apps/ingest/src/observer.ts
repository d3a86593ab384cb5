/** What the pump does, as metrics and as lines that a person understands. */
import type { MisplacedRecord, OwnerObserver, Transition } from '#engine';
import { Sparing, type Logger, type Metrics } from '#runtime';

export function observe(logger: Logger, metrics: Metrics, group: 'ingest' | 'standby'): OwnerObserver {
  const sparing = new Sparing(logger);
  return {
    folded: (partition, { tally }) => {
      metrics.folded(tally);
      if (tally.dead > 0) sparing.warn(UNREADABLE, { partition, records: tally.dead });
    },
    committed: (partition, answer) => {
      metrics.commit(answer.kind, group);
      if (answer.kind !== 'OK') logger.info({ partition, answer }, `partition ${partition}: commit answered ${answer.kind}; see docs/operations.md`);
    },
    published: (_partition, entries) => {
      for (const { transition } of entries) {
        metrics.transition(transition);
        logger.info({ transition }, inWords(transition));
      }
    },
    sentOn: (records) => sparing.warn(MISROUTED, misrouting(records)),
    incarnated: (incarnation, reason) => logger.info({ incarnation }, `partition ${incarnation.partition}: incarnation ${incarnation.number} begins, ${reason}`),
    postponed: (partition, what, error) => sparing.warn(`${what} failed and will be tried again`, { partition, err: error }),
  };
}

/** "demo.local: closed → open until 12:00:15.000Z, 10 errors of 10 calls reached errorAmountThreshold 10". */
export function inWords({ upstream, from, to, reason, openUntilMs, generation }: Transition): string {
  const until = openUntilMs === undefined ? '' : ` until ${new Date(openUntilMs).toISOString()}`;
  return `${upstream}: ${from} → ${to}${until}, ${reason} (generation ${generation})`;
}

const UNREADABLE = 'records could not be read and are among the dead letters, with the reason (docs/producers.md)';

/** L2: with the producer's fix. */
const MISROUTED =
  'outcomes were in another partition than their upstream’s and are sent on to it; have their producer use ' +
  'key = upstream and the murmur2 partitioner (librdkafka: partitioner=murmur2_random)';

function misrouting(records: readonly MisplacedRecord[]): object {
  const [{ partition, offset, upstream } = {}] = records;
  const reporters = [...new Set(records.map(({ reporter }) => reporter))].slice(0, 3);
  return { records: records.length, reporters, first: { partition, offset, upstream } };
}

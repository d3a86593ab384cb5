/** What the pump does, as metrics and as lines that a person understands. */
import type { CommitAnswer, LogLoss, LossHandled, MisplacedRecord, OwnerObserver, Transition } from '#engine';
import { Sparing, type Runtime } from '#runtime';
import { Abandoned } from './abandoned.ts';

export function observe({ logger, metrics, health }: Pick<Runtime, 'logger' | 'metrics' | 'health'>, group: 'ingest' | 'standby'): OwnerObserver {
  const sparing = new Sparing(logger);
  const seldom = new Sparing(logger, () => performance.now(), SELDOM_MS);
  const abandoned = new Abandoned({ logger, health });
  return {
    lost: (loss, handled) => {
      // Found again each time that the partition is tried, for as long as it is left alone.
      if (handled === 'stop' && abandoned.has(loss.partition)) return;
      metrics.logLost(loss.kind, handled);
      logger.error({ partition: loss.partition, loss, handled }, lossInWords(loss, handled));
    },
    leftAlone: (partition, why) => abandoned.add(partition, why),
    claimed: (partition) => abandoned.delete(partition),
    upgraded: (engine, before) => logger.info({ engine }, `engine ${engine} takes over from engine ${before}, partition by partition`),
    folded: (partition, { tally }) => {
      metrics.folded(tally);
      if (tally.unknown > 0) seldom.info(UNKNOWN, { partition, calls: tally.unknown });
      if (tally.dead > 0) sparing.warn(UNREADABLE, { partition, records: tally.dead });
    },
    committed: (partition, answer) => {
      metrics.commit(answer.kind, group);
      if (answer.kind !== 'OK') logger.info({ partition, answer }, `partition ${partition}: ${ANSWERED[answer.kind]} (commit answered ${answer.kind}, docs/operations.md)`);
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

const ANSWERED: Readonly<Record<Exclude<CommitAnswer['kind'], 'OK'>, string>> = {
  ALREADY: 'what is committed stands already, its reply was lost',
  FENCED: 'a newer owner, incarnation or engine has taken over; what is held is dropped, and the partition claimed again',
  AHEAD: 'somebody has folded further; what is held is kept, and committed once past that',
  REGRESSED: 'the store fell back or was emptied; all is written again',
};

const HANDLED: Readonly<Record<LossHandled, string>> = {
  checkpoint: 'it goes on from a checkpoint, so that nothing is lost',
  rebuild: 'it is folded again from what the log still has',
  cold: 'every breaker begins closed and empty, from the log’s end on',
  stop: 'it is left alone until somebody decides',
};

/** "partition 3: the log was cut: it begins at 120, needed from 80 (folded up to 2026-…Z). The log has 120 to 479. It is …". */
function lossInWords({ partition, what, fromMs, bounds }: LogLoss, handled: LossHandled): string {
  const since = fromMs === undefined ? '' : ` (folded up to ${new Date(fromMs).toISOString()})`;
  const has = bounds.next > bounds.first ? `the log has ${bounds.first} to ${bounds.next - 1}` : 'the log is empty';
  return `partition ${partition}: ${what}${since}; ${has}: ${HANDLED[handled]} (FUSEBOARD_LOST_LOG, docs/operations.md)`;
}

/** "demo.local: closed → open until 12:00:15.000Z, 10 errors of 10 calls reached errorAmountThreshold 10". */
export function inWords({ upstream, from, to, reason, openUntilMs, generation }: Transition): string {
  const until = openUntilMs === undefined ? '' : ` until ${new Date(openUntilMs).toISOString()}`;
  return `${upstream}: ${from} → ${to}${until}, ${reason} (generation ${generation})`;
}

/** What may be as it should be is said each so often, ms. */
const SELDOM_MS = 60_000;
const UNKNOWN = 'outcomes name upstreams without a policy that breaks circuits; they are counted, and nothing is kept for them (docs/operations.md: unknown-upstream)';
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

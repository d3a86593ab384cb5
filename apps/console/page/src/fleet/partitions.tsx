/** Each partition: who folds it, how far it was folded, how far its log goes. */
import type { PartitionNow } from '../live/breaker.ts';
import type { Owners } from '../../../src/shared/fleet.ts';
import { store } from '../live/store.ts';
import { amount, span } from '../shared/words.ts';

/** A partition, and who folds it as far as that is known. */
export interface Folded {
  readonly partition: PartitionNow;
  /** Undefined: not known, so nobody is missed. */
  readonly owners: Owners | undefined;
}

export function Partitions({ folded }: { readonly folded: readonly Folded[] }) {
  const upstreams = new Map<number, number>();
  for (const { position } of store.breakers.values()) upstreams.set(position.partition, (upstreams.get(position.partition) ?? 0) + 1);
  return (
    <div class="wide" tabIndex={0} role="region" aria-label="Table of partitions">
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">Partition</th>
            <th scope="col">State</th>
            <th scope="col">Folded by</th>
            <th scope="col" class="number">Upstreams</th>
            <th scope="col" class="number">Folded up to</th>
            <th scope="col" class="number">Log ends at</th>
            <th scope="col" class="number">Waiting</th>
            <th scope="col" class="number">Control up to</th>
            <th scope="col">Heard</th>
          </tr>
        </thead>
        <tbody>
          {folded.map((each) => {
            const { partition, owners } = each;
            const { words, isBad } = verdict(each);
            return (
              <tr key={partition.partition}>
                <th scope="row" class="number">{partition.partition}</th>
                <td class={`process-state ${isBad ? 'failed' : ''}`}>{isBad ? `▲ ${words}` : words}</td>
                <td class="process-state">{owners === undefined ? '–' : ownerWords(owners)}</td>
                <td class="number">{amount(upstreams.get(partition.partition) ?? 0)}</td>
                <td class="number">{shown(partition.next_offset)}</td>
                <td class="number">{shown(partition.log_next_offset)}</td>
                <td class="number">{shown(waiting(partition))}</td>
                <td class="number">{shown(partition.control_offset)}</td>
                <td class="heard">{span(partition.age_ms)} ago</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function ownerWords({ ingest, standby }: Owners): string {
  return [ingest ?? 'nobody', ...(standby === undefined ? [] : [`standby ${standby}`])].join('; ');
}

function shown(value: number | undefined): string {
  return value === undefined ? '–' : amount(value);
}

/** Records; a little is always on its way. */
const WAITING_MAX = 5_000;
const OLD_AFTER_MS = 5_000;

function waiting({ next_offset, log_next_offset }: PartitionNow): number | undefined {
  return next_offset === undefined || log_next_offset === undefined ? undefined : Math.max(0, log_next_offset - next_offset);
}

export function verdict({ partition, owners }: Folded): { readonly words: string; readonly isBad: boolean } {
  if (partition.incarnation === undefined) return { words: 'nothing is kept of it', isBad: true };
  if (partition.restoring_to !== undefined) return { words: `being restored up to ${amount(partition.restoring_to)}`, isBad: true };
  if (partition.age_ms > OLD_AFTER_MS) return { words: 'not heard of', isBad: true };
  if (owners !== undefined && owners.ingest === undefined) return { words: 'no ingest folds it', isBad: true };
  return (waiting(partition) ?? 0) > WAITING_MAX ? { words: 'behind', isBad: true } : { words: 'as it should be', isBad: false };
}

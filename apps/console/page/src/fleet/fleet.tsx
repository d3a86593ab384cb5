/** What stands behind the states: each partition, how far it was folded, how far its log goes, how old what is known is. */
import { useEffect } from 'preact/hooks';
import type { PartitionNow } from '../live/breaker.ts';
import { store } from '../live/store.ts';
import { amount, plural, span } from '../shared/words.ts';

export function Fleet() {
  const pulse = store.pulse.value;
  const hello = store.hello.value;
  useEffect(() => {
    document.title = 'Fleet · Fuseboard';
  }, []);
  if (pulse === undefined || hello === undefined) return <main><h1 class="headline">Fleet</h1><p class="notice">The states are on their way.</p></main>;
  const sick = pulse.partitions.filter((partition) => verdict(partition).isBad);
  return (
    <main>
      <h1 class={`headline ${sick.length > 0 ? 'headline-open' : ''}`}>{headline(sick.length, pulse.partitions.length)}</h1>
      <section aria-labelledby="partitions">
        <h2 id="partitions">Partitions</h2>
        <Partitions partitions={pulse.partitions} />
        {pulse.log_problem !== undefined && <p class="failed">How far the log goes is not known: {pulse.log_problem}.</p>}
      </section>
      <section aria-labelledby="this-console">
        <h2 id="this-console">This console</h2>
        <p>
          {hello.instance}, version {hello.version}: {plural(store.breakers.size, 'upstream')}, {plural(pulse.proxies, 'proxy', 'proxies')} that take their states from it, {plural(pulse.readers, 'reader')} of events.
        </p>
        {pulse.missing.map(({ name, reason }) => (
          <p key={name} class="failed">
            {name}: {reason}
          </p>
        ))}
      </section>
    </main>
  );
}

function headline(sick: number, all: number): string {
  if (all === 0) return 'No partition has been heard of yet';
  return sick === 0 ? `${all === 1 ? 'The one partition is' : `All ${plural(all, 'partition')} are`} folded as fast as outcomes come` : `${plural(sick, 'partition')} of ${all} ${sick === 1 ? 'is' : 'are'} behind`;
}

function Partitions({ partitions }: { readonly partitions: readonly PartitionNow[] }) {
  const upstreams = new Map<number, number>();
  for (const { position } of store.breakers.values()) upstreams.set(position.partition, (upstreams.get(position.partition) ?? 0) + 1);
  return (
    <div class="wide" tabIndex={0} role="region" aria-label="Table of partitions">
      <table>
        <thead>
          <tr>
            <th scope="col" class="number">Partition</th>
            <th scope="col">State</th>
            <th scope="col" class="number">Upstreams</th>
            <th scope="col" class="number">Folded up to</th>
            <th scope="col" class="number">Log ends at</th>
            <th scope="col" class="number">Waiting</th>
            <th scope="col" class="number">Control up to</th>
            <th scope="col">Heard</th>
          </tr>
        </thead>
        <tbody>
          {partitions.map((partition) => {
            const { words, isBad } = verdict(partition);
            return (
              <tr key={partition.partition}>
                <th scope="row" class="number">{partition.partition}</th>
                <td class={isBad ? 'failed' : ''}>{isBad ? `▲ ${words}` : words}</td>
                <td class="number">{amount(upstreams.get(partition.partition) ?? 0)}</td>
                <td class="number">{shown(partition.next_offset)}</td>
                <td class="number">{shown(partition.log_next_offset)}</td>
                <td class="number">{shown(waiting(partition))}</td>
                <td class="number">{shown(partition.control_offset)}</td>
                <td>{span(partition.age_ms)} ago</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
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

function verdict(partition: PartitionNow): { readonly words: string; readonly isBad: boolean } {
  if (partition.incarnation === undefined) return { words: 'nothing is kept of it', isBad: true };
  if (partition.restoring_to !== undefined) return { words: `being restored up to ${amount(partition.restoring_to)}`, isBad: true };
  if (partition.age_ms > OLD_AFTER_MS) return { words: 'not heard of', isBad: true };
  return (waiting(partition) ?? 0) > WAITING_MAX ? { words: 'behind', isBad: true } : { words: 'as it should be', isBad: false };
}

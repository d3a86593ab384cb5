/** What stands behind the states: each partition and who folds it, each process and how it is, how old what is known is. */
import { useEffect } from 'preact/hooks';
import type { Hello, Pulse } from '../live/breaker.ts';
import type { Processes } from '../live/fleet.ts';
import { store } from '../live/store.ts';
import { parameter, setParameter } from '../shared/router.ts';
import { amount, plural, span } from '../shared/words.ts';
import { Partitions, verdict, type Folded } from './partitions.tsx';
import { Consoles, Ingests, Proxies } from './processes.tsx';
import { useProcesses, type Told } from './use-processes.ts';

export function Fleet() {
  const pulse = store.pulse.value;
  const hello = store.hello.value;
  const told = useProcesses(parameter('q'));
  useEffect(() => {
    document.title = 'Fleet · Fuseboard';
  }, []);
  if (pulse === undefined || hello === undefined) return <main><h1 class="headline">Fleet</h1><p class="notice">The states are on their way.</p></main>;
  const folded = foldedBy(pulse, told.processes);
  const sick = folded.filter((each) => verdict(each).isBad);
  return (
    <main>
      <h1 class={`headline ${sick.length > 0 ? 'headline-open' : ''}`}>{headline(folded, sick)}</h1>
      <Summary told={told} />
      <section aria-labelledby="partitions">
        <h2 id="partitions">Partitions</h2>
        <Partitions folded={folded} />
        {pulse.log_problem !== undefined && <p class="failed">How far the log goes is not known: {pulse.log_problem}.</p>}
      </section>
      <AllProcesses told={told} />
      <ThisConsole hello={hello} pulse={pulse} />
    </main>
  );
}

/** Where no ingest was heard of, as of an older version, none is missed. */
function foldedBy({ partitions }: Pulse, processes: Processes | undefined): Folded[] {
  const owners = new Map((processes?.summary.ingests ?? 0) > 0 ? processes?.owners.map((each) => [each.partition, each]) : []);
  return partitions.map((partition) => ({ partition, owners: owners.get(partition.partition) }));
}

function headline(folded: readonly Folded[], sick: readonly Folded[]): string {
  if (folded.length === 0) return 'No partition has been heard of yet';
  const unowned = folded.filter(({ owners }) => owners !== undefined && owners.ingest === undefined);
  if (unowned.length > 0) return `No ingest folds ${unowned.length === 1 ? `partition ${unowned[0]?.partition.partition}` : plural(unowned.length, 'partition')}: nothing opens or closes there`;
  if (sick.length > 0) return `${plural(sick.length, 'partition')} of ${folded.length} ${sick.length === 1 ? 'is' : 'are'} behind`;
  return `${folded.length === 1 ? 'The one partition is' : `All ${plural(folded.length, 'partition')} are`} folded as fast as outcomes come`;
}

function Summary({ told: { processes, cut, atMs } }: { readonly told: Told }) {
  const isCut = store.nowMs.value >= 0 && cut !== undefined;
  const sinceMs = performance.now() - atMs;
  if (processes === undefined) return <p class="notice">{isCut ? `The processes are not told: ${cut}. Trying again by itself.` : 'The processes are on their way.'}</p>;
  const { summary: { ingests, proxies, consoles, silent, unready }, problem, age_ms } = processes;
  const trouble = [...(silent > 0 ? [`${amount(silent)} not heard of`] : []), ...(unready > 0 ? [`${amount(unready)} ${unready === 1 ? 'lacks' : 'lack'} something`] : [])].join(', ');
  const why = isCut ? cut : problem;
  return (
    <>
      {why !== undefined && (
        <p class="warning" role="alert">
          The processes can’t be read right now: {why}. What you see of them is {span((age_ms ?? 0) + sinceMs)} old.
        </p>
      )}
      <p>
        {plural(ingests, 'ingest')}, {plural(proxies, 'proxy', 'proxies')}, {plural(consoles, 'console')}: {trouble === '' ? 'all are as they should be.' : <b class="failed">▲ {trouble}.</b>}
      </p>
    </>
  );
}

function AllProcesses({ told: { processes, atMs } }: { readonly told: Told }) {
  // Moves each second.
  const sinceMs = store.nowMs.value >= 0 ? performance.now() - atMs : 0;
  if (processes === undefined) return null;
  const { summary: { found }, processes: listed } = processes;
  return (
    <>
      <section aria-labelledby="processes">
        <h2 id="processes">Processes</h2>
        <label class="search">
          <span class="hidden">Search processes by name, host, version or role</span>
          <input type="search" placeholder="Name, host, version or role" value={parameter('q')} onInput={({ currentTarget }) => setParameter('q', currentTarget.value)} spellcheck={false} autocomplete="off" maxLength={200} />
        </label>
        {found > listed.length && (
          <p>
            {amount(listed.length)} of {amount(found)} are shown, those that lack something first. Search for others.
          </p>
        )}
        {found === 0 && parameter('q') !== '' && <p class="notice">No process has “{parameter('q')}” in its name, host, version or role.</p>}
      </section>
      {(found > 0 || parameter('q') === '') && (
        <>
          <section aria-labelledby="ingests">
            <h2 id="ingests">Ingests</h2>
            <Ingests sinceMs={sinceMs} processes={listed.filter(({ ingest }) => ingest !== undefined)} />
          </section>
          <section aria-labelledby="proxies">
            <h2 id="proxies">Proxies</h2>
            <Proxies sinceMs={sinceMs} processes={listed.filter(({ proxy }) => proxy !== undefined)} />
          </section>
          <section aria-labelledby="consoles">
            <h2 id="consoles">Consoles</h2>
            <Consoles sinceMs={sinceMs} processes={listed.filter((each) => each.console !== undefined)} />
          </section>
        </>
      )}
    </>
  );
}

function ThisConsole({ hello, pulse }: { readonly hello: Hello; readonly pulse: Pulse }) {
  return (
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
  );
}

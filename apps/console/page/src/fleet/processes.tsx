/** Ingests, proxies, consoles: how each is, the silent and the unready first, as the console orders them. */
import type { ComponentChildren } from 'preact';
import type { Counts, ProcessNow } from '../live/fleet.ts';
import { amount, plural, span } from '../shared/words.ts';

interface TableProps {
  readonly processes: readonly ProcessNow[];
  /** Since they were told, ms. */
  readonly sinceMs: number;
}

interface Column {
  readonly heading: string;
  readonly isNumber?: boolean;
  readonly isLong?: boolean;
  readonly cell: (process: ProcessNow) => ComponentChildren;
}

/** States older than this are judged alone (V4), ms. */
const OLD_AFTER_MS = 5_000;

export function Ingests(props: TableProps) {
  return <ProcessTable {...props} name="Ingests" columns={INGEST} none="No ingest was heard of. Those of older versions say nothing; where there is none, nothing is decided." />;
}

export function Proxies(props: TableProps) {
  return <ProcessTable {...props} name="Proxies" columns={PROXY} none="No proxy was heard of." />;
}

export function Consoles(props: TableProps) {
  return <ProcessTable {...props} name="Consoles" columns={CONSOLE} none="No console was heard of." />;
}

const INGEST: readonly Column[] = [
  { heading: 'Partitions', cell: ({ ingest }) => `${ingest?.group === 'standby' ? 'standby of ' : ''}${ranges(ingest?.partitions.map(({ partition }) => partition) ?? [])}` },
  { heading: 'Waiting', isNumber: true, cell: ({ ingest }) => lag(ingest) },
  { heading: 'Commits in a minute', isLong: true, cell: ({ ingest }) => answers(ingest?.commits ?? {}, 'OK') },
];

const PROXY: readonly Column[] = [
  { heading: 'States’ age', isNumber: true, cell: ({ proxy }) => <Marked isBad={(proxy?.state_age_ms ?? Infinity) > OLD_AFTER_MS}>{proxy?.state_age_ms === undefined ? 'unknown' : span(proxy.state_age_ms)}</Marked> },
  { heading: 'Judges alone', isNumber: true, cell: ({ proxy }) => <Marked isBad={(proxy?.judged_alone ?? 0) > 0}>{amount(proxy?.judged_alone ?? 0)}</Marked> },
  { heading: 'Calls in a minute', isNumber: true, cell: ({ proxy }) => amount(sum(proxy?.calls ?? {})) },
  { heading: 'By answer', isLong: true, cell: ({ proxy }) => answers(proxy?.calls ?? {}, 'upstream') },
  { heading: 'Outcomes waiting', isNumber: true, cell: ({ proxy }) => amount(proxy?.waiting ?? 0) },
];

const CONSOLE: readonly Column[] = [
  { heading: 'Readers', isNumber: true, cell: ({ console: of }) => amount(of?.readers ?? 0) },
  { heading: 'Watchers', isNumber: true, cell: ({ console: of }) => amount(of?.watchers ?? 0) },
  { heading: 'Proxies that follow', isNumber: true, cell: ({ console: of }) => amount(of?.followers ?? 0) },
];

interface ProcessTableProps extends TableProps {
  readonly name: string;
  readonly columns: readonly Column[];
  readonly none: string;
}

function ProcessTable({ processes, sinceMs, name, columns, none }: ProcessTableProps) {
  if (processes.length === 0) return <p>{none}</p>;
  return (
    <div class="wide" tabIndex={0} role="region" aria-label={`Table of ${name.toLowerCase()}`}>
      <table>
        <thead>
          <tr>
            <th scope="col">Instance</th>
            <th scope="col">State</th>
            {columns.map(({ heading, isNumber = false }) => (
              <th key={heading} scope="col" class={isNumber ? 'number' : ''}>
                {heading}
              </th>
            ))}
            <th scope="col">Heard</th>
          </tr>
        </thead>
        <tbody>
          {processes.map((process) => (
            <tr key={process.instance}>
              <th scope="row">
                {process.instance}
                <small class="process-about">
                  {process.host}, version {process.version}, for {span(Date.now() - Date.parse(process.started_at))}
                </small>
              </th>
              <State process={process} sinceMs={sinceMs} />
              {columns.map(({ heading, isNumber = false, isLong = false, cell }) => (
                <td key={heading} class={isNumber ? 'number' : isLong ? 'process-answers' : ''}>
                  {cell(process)}
                </td>
              ))}
              <td class="heard">{span(process.age_ms + sinceMs)} ago</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function State({ process: { silent, missing, age_ms }, sinceMs }: { readonly process: ProcessNow; readonly sinceMs: number }) {
  if (silent) return <td class="process-state failed">▲ not heard for {span(age_ms + sinceMs)}</td>;
  const [first, ...others] = missing;
  if (first === undefined) return <td class="process-state">as it should be</td>;
  return (
    <td class="process-state failed">
      ▲ {first}
      {others.length > 0 && `, and ${others.length} more`}
    </td>
  );
}

/** `first` is what is usual. */
function answers(counts: Counts, first: string): string {
  const told = Object.entries(counts).filter(([, count]) => count > 0).toSorted(([a], [b]) => Number(b === first) - Number(a === first));
  return told.length === 0 ? 'none' : told.map(([name, count]) => `${WORDS[name] ?? name} ${amount(count)}`).join(', ');
}

const WORDS: Readonly<Record<string, string>> = { upstream: 'forwarded', degraded: 'refused by state', overflow: 'refused at a limit', 'client-gone': 'caller left', AHEAD: 'ahead', ALREADY: 'already', FENCED: 'fenced', REGRESSED: 'store fell back' };

function Marked({ isBad, children }: { readonly isBad: boolean; readonly children: ComponentChildren }) {
  return isBad ? <span class="failed">▲ {children}</span> : <>{children}</>;
}

function sum(counts: Counts): number {
  return Object.values(counts).reduce((all, count) => all + count, 0);
}

function lag(ingest: ProcessNow['ingest']): string {
  const known = ingest?.partitions.filter((each) => each.lag !== undefined) ?? [];
  if (ingest === undefined || known.length < ingest.partitions.length) return '–';
  return amount(known.reduce((all, each) => all + (each.lag ?? 0), 0));
}

/** `0–3, 7`. */
function ranges(numbers: readonly number[]): string {
  if (numbers.length === 0) return 'none';
  const found: [number, number][] = [];
  for (const each of numbers) {
    const last = found.at(-1);
    if (last?.[1] === each - 1) last[1] = each;
    else found.push([each, each]);
  }
  return `${found.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ')} (${plural(numbers.length, 'partition')})`;
}

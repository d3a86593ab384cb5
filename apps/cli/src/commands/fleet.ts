/** `fuseboard fleet`: which processes there are and how they are, as a console heard of them last. */
import type { Connection } from '../connection.ts';
import { isSilent, listProcesses, type FleetSummary, type Process } from '../fleet-client.ts';
import { shownAs, type Output } from '../output.ts';
import { timeText } from '../shown.ts';
import { table } from '../table.ts';

export interface FleetCommand {
  /** Words that must all be in its name, host, version or roles. */
  readonly search: string;
  readonly limit: number;
  readonly output: Output;
}

/** @throws {Failure} */
export async function fleet(connection: Connection, { search, limit, output }: FleetCommand): Promise<void> {
  const { processes, summary } = await listProcesses(connection, { search, limit });
  const shown = { summary, processes: processes.map(shownProcess) };
  process.stdout.write(shownAs(output, shown, () => `${table([HEADING, ...processes.map(row)])}\n${notes(summary, processes.length)}`));
}

/** What isn't there is null in a message, or the name of a synthetic oneof, and left out here. */
function shownProcess({ instance, host, version, engine, started_at: startedAt, age_ms: ageMs, missing, ...roles }: Process): object {
  return withoutNothing({ instance, host, version, engine, started_at: timeText(startedAt), age_ms: ageMs, missing, ...roles });
}

function withoutNothing(value: object): object {
  const kept = Object.entries(value).filter(([name, each]) => each !== null && !name.startsWith('_') && !(ROLES.includes(each as string) && ROLES.includes(name)));
  return Object.fromEntries(kept.map(([name, each]) => [name, isPlain(each) ? withoutNothing(each) : Array.isArray(each) ? each.map((one: unknown) => (isPlain(one) ? withoutNothing(one) : one)) : each]));
}

const ROLES = ['ingest', 'proxy', 'console'];

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const HEADING = ['INSTANCE', 'ROLE', 'STATE', 'HOST', 'VERSION', 'HEARD', 'WHAT IT DOES'];

function row(process: Process): string[] {
  const { instance, host, version, age_ms: ageMs, ingest, proxy, console } = process;
  const roles = [ingest?.group, proxy && 'proxy', console && 'console'].filter((each) => typeof each === 'string');
  return [instance, roles.join('+'), stateOf(process), host, version, `${Math.round(ageMs / 1_000)} s ago`, does(process)];
}

function stateOf(process: Process): string {
  if (isSilent(process)) return `not heard for ${Math.round(process.age_ms / 1_000)} s`;
  return process.missing[0] ?? 'ready';
}

function does({ ingest, proxy, console }: Process): string {
  const calls = Object.entries(proxy?.calls ?? {}).toSorted(([, a], [, b]) => b - a).map(([answer, count]) => `${answer} ${count}`);
  return [
    ...(ingest ? [`partitions ${ingest.partitions.map(({ partition }) => partition).join(',') || 'none'}`, `lag ${lagOf(ingest.partitions)}`] : []),
    ...(proxy ? [`states ${proxy.state_age_ms === undefined ? 'unknown' : `${Math.round(proxy.state_age_ms / 1_000)} s old`}`, `calls in a minute: ${calls.join(', ') || 'none'}`] : []),
    ...(console ? [`readers ${console.readers}, watchers ${console.watchers}, followers ${console.followers}`] : []),
  ].join('; ');
}

function lagOf(partitions: NonNullable<Process['ingest']>['partitions']): string {
  const known = partitions.flatMap(({ lag }) => lag ?? []);
  return known.length < partitions.length ? '-' : `${known.reduce((all, lag) => all + lag, 0)}`;
}

function notes({ silent, unready, unowned, found }: FleetSummary, shown: number): string {
  return [
    ...(unowned.length > 0 ? [`no ingest folds ${unowned.length === 1 ? 'partition' : 'partitions'} ${unowned.join(', ')}: nothing opens or closes there`] : []),
    ...(silent > 0 || unready > 0 ? [`${silent} not heard of, ${unready} ${unready === 1 ? 'lacks' : 'lack'} something`] : []),
    ...(found > shown ? [`${shown} of ${found} are shown: --limit, or words to search for`] : []),
  ].map((line) => `${line}\n`).join('');
}

/** `fuseboard get`: what the breakers say now, and of one, for people, why. */
import { BreakerClient, type StateFilter } from '../client.ts';
import type { Connection } from '../connection.ts';
import { withClient } from '../control/control-client.ts';
import { Failure } from '../failure.ts';
import { PROCESSES_MAX, isSilent, listProcesses } from '../fleet-client.ts';
import { shownAs, type Output } from '../output.ts';
import { HEADING, row, shown, type ShownBreaker } from '../shown.ts';
import { table } from '../table.ts';
import { whyText, type Refusals } from '../why.ts';

export interface GetOptions {
  /** Absent: all. */
  readonly upstream?: string;
  readonly state?: StateFilter;
  readonly output: Output;
}

/** In which the last trip is looked for. */
const TRANSITIONS = 100;

/** @throws {Failure} */
export async function get(connection: Connection, { upstream, state, output }: GetOptions): Promise<void> {
  const client = new BreakerClient(connection);
  try {
    const messages = upstream === undefined ? await client.list(state) : [await client.get(upstream)];
    const breakers = messages.map(shown).filter((breaker) => state === undefined || breaker.state === state);
    const [one] = upstream !== undefined && output === 'table' ? breakers : [];
    const why = one === undefined ? '' : `\n${await whyOf(connection, one)}\n`;
    process.stdout.write(shownAs(output, breakers, () => `${table([HEADING, ...breakers.map(row)])}\n${why}`));
    if (breakers.length === 0 && output === 'table') process.stderr.write(`${noneText({ upstream, state })}\n`);
  } finally {
    client.close();
  }
}

/** A heading with nothing below it could be taken for a failure. */
function noneText({ upstream, state }: { readonly upstream: string | undefined; readonly state: StateFilter | undefined }): string {
  if (state === undefined) return 'there is no breaker: no policy with circuitBreaking is in force';
  return upstream === undefined ? `no breaker is ${state}` : `${upstream} is not ${state}`;
}

/** What can't be found out is said in its place: the state is known all the same. */
async function whyOf(connection: Connection, breaker: ShownBreaker): Promise<string> {
  const transitions = withClient(connection, (client) => client.transitions(breaker.upstream, TRANSITIONS)).then((page) => page.transitions);
  const [changes, refusals] = await Promise.all([orFailure(transitions), orFailure(refusalsOf(connection, breaker))]);
  return whyText(breaker, { transitions: changes, refusals }, Date.now());
}

async function refusalsOf(connection: Connection, { upstream }: ShownBreaker): Promise<Refusals> {
  const { processes } = await listProcesses(connection, { search: 'proxy', limit: PROCESSES_MAX });
  const proxies = processes.flatMap((process) => (process.proxy && !isSilent(process) ? [{ proxy: process.instance, refused: process.proxy.refused }] : []));
  const at = proxies.flatMap(({ proxy, refused }) => refused.filter((each) => each.upstream === upstream).map(({ calls }) => ({ proxy, calls })));
  return { at: at.toSorted((a, b) => b.calls - a.calls), proxies: proxies.length };
}

function orFailure<T>(asked: Promise<T>): Promise<T | Failure> {
  return asked.catch((error: unknown) => {
    if (error instanceof Failure) return error;
    throw error;
  });
}

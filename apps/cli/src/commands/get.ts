/** `fuseboard get`: what the breakers say now. */
import { stringify } from 'yaml';
import { BreakerClient, type StateFilter } from '../client.ts';
import type { Connection } from '../connection.ts';
import { HEADING, row, shown, type ShownBreaker } from '../shown.ts';
import { table } from '../table.ts';

export interface GetOptions {
  /** Absent: all. */
  readonly upstream?: string;
  readonly state?: StateFilter;
  readonly output: 'table' | 'json' | 'yaml';
}

/** @throws {Failure} */
export async function get(connection: Connection, { upstream, state, output }: GetOptions): Promise<void> {
  const client = new BreakerClient(connection);
  try {
    const messages = upstream === undefined ? await client.list(state) : [await client.get(upstream)];
    const breakers = messages.map(shown).filter((breaker) => state === undefined || breaker.state === state);
    process.stdout.write(`${formatted(breakers, output)}\n`);
  } finally {
    client.close();
  }
}

function formatted(breakers: readonly ShownBreaker[], output: GetOptions['output']): string {
  if (output === 'json') return JSON.stringify(breakers, null, 2);
  if (output === 'yaml') return stringify(breakers).trimEnd();
  return table([HEADING, ...breakers.map(row)]);
}

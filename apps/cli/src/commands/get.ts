/** `fuseboard get`: what the breakers say now. */
import { BreakerClient, type StateFilter } from '../client.ts';
import type { Connection } from '../connection.ts';
import { shownAs, type Output } from '../output.ts';
import { HEADING, row, shown } from '../shown.ts';
import { table } from '../table.ts';

export interface GetOptions {
  /** Absent: all. */
  readonly upstream?: string;
  readonly state?: StateFilter;
  readonly output: Output;
}

/** @throws {Failure} */
export async function get(connection: Connection, { upstream, state, output }: GetOptions): Promise<void> {
  const client = new BreakerClient(connection);
  try {
    const messages = upstream === undefined ? await client.list(state) : [await client.get(upstream)];
    const breakers = messages.map(shown).filter((breaker) => state === undefined || breaker.state === state);
    process.stdout.write(shownAs(output, breakers, () => `${table([HEADING, ...breakers.map(row)])}\n`));
  } finally {
    client.close();
  }
}

/** `fuseboard policies`: the documents in force, and each as it was written. */
import { Failure } from '../failure.ts';
import type { Connection } from '../connection.ts';
import { withClient, type KeyMessage, type PolicyMessage } from '../control/control-client.ts';
import { shownAs, type Output } from '../output.ts';
import { timeText } from '../shown.ts';
import { table } from '../table.ts';

export interface PoliciesCommand {
  /** As this record of the control log applied it, whatever came after; absent: those in force. */
  readonly record?: number;
  /** Absent: all. */
  readonly key?: Partial<KeyMessage>;
  readonly output: Output;
}

/** @throws {Failure} */
export async function policies(connection: Connection, { key = {}, record, output }: PoliciesCommand): Promise<void> {
  const found = await withClient(connection, async (client) => (record === undefined ? await client.policies(key) : [await client.appliedBy(record)]));
  if (found.length === 0 && key.name !== undefined) throw new Failure(`there is no document ${[key.kind, key.namespace, key.name].filter(Boolean).join('/')}`);
  process.stdout.write(formatted(found, output));
}

function formatted(found: readonly PolicyMessage[], output: PoliciesCommand['output']): string {
  // To the byte; of several, one may end without the end of a line.
  if (output === 'yaml') return found.map(({ document }, n) => (n < found.length - 1 && !document.endsWith('\n') ? `${document}\n` : document)).join('---\n');
  const heading = ['KIND', 'NAMESPACE/NAME', 'VERSION', 'ABOUT', 'SOURCE', 'APPLIED', 'BY', 'REASON'];
  const applied = found.map((each) => ({ ...each, applied_at: timeText(each.applied_at) }));
  return shownAs(output, applied, () => `${table([heading, ...found.map(row)])}\n`);
}

function row({ key, version, upstream, source, applied_at: at, author, reason }: PolicyMessage): string[] {
  return [key.kind, `${key.namespace}/${key.name}`, version, upstream, source, timeText(at), author, reason];
}

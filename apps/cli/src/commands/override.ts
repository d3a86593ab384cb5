/** `fuseboard open`, `close` and `clear`: an upstream's state set by hand, and given back. */
import { formatDuration } from '#wire';
import { BreakerClient } from '../client.ts';
import type { Connection } from '../connection.ts';
import { durationMessage, withClient, type DoneMessage } from '../control/control-client.ts';
import { doneJson, doneText } from '../control/in-words.ts';
import { shownAs, type Output } from '../output.ts';
import { shown, stateInWords, untilOf, type ShownBreaker } from '../shown.ts';
import { sayInForce } from './apply.ts';

export interface OverrideCommand {
  readonly what: 'open' | 'close' | 'clear';
  readonly upstream: string;
  readonly author: string;
  readonly reason: string;
  /** Undefined: until cleared. */
  readonly durationMs?: number | undefined;
  /** ms; 0: not at all. */
  readonly waitMs: number;
  readonly output: Output;
}

const METHODS = { open: 'ForceOpen', close: 'ForceClosed', clear: 'ClearOverride' } as const;
const DONE = { open: 'forced open', close: 'forced closed', clear: 'cleared' } as const;

/** @returns the exit code @throws {Failure} */
export async function override(connection: Connection, { what, upstream, author, reason, durationMs, waitMs, output }: OverrideCommand): Promise<number> {
  const before = what === 'clear' ? await breakerOf(connection, upstream) : undefined;
  const lasting = durationMs === undefined ? {} : { duration: durationMessage(durationMs) };
  const answer: DoneMessage = await withClient(connection, async (client) => client.control(METHODS[what], { upstream, author, reason, ...lasting }, waitMs));
  const end = what === 'clear' ? '' : durationMs === undefined ? ' until it is cleared' : ` for ${formatDuration(durationMs)}`;
  process.stdout.write(shownAs(output, doneJson(answer), () => `${upstream}: ${DONE[what]}${end} by ${author} ${doneText(answer)}\n`));
  if (before !== undefined && before.override === undefined) process.stderr.write(`${notHeld(before)}\n`);
  return sayInForce([answer], waitMs);
}

/** Undefined: it can't be asked for now; what was to be done may go all the same. */
async function breakerOf(connection: Connection, upstream: string): Promise<ShownBreaker | undefined> {
  const client = new BreakerClient(connection);
  try {
    return shown(await client.get(upstream));
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}

/** Else who wants a breaker closed that its policy has opened would take it for done. */
function notHeld(breaker: ShownBreaker): string {
  const { upstream, state } = breaker;
  const until = untilOf(breaker);
  const instead = state === 'open' ? `. To let its calls through: \`fuseboard close ${upstream}\`` : '';
  return `${upstream} was not held by hand, so nothing changes: by its policy it is ${stateInWords(breaker)}${until === undefined ? '' : ` until ${until}`}${instead}`;
}

/**
 * `fuseboard watch`: the present state of each breaker, then each change, until it is interrupted. On a terminal a table
 * that stays; in a pipe an object or a line for each. It comes back when the console does, and then tells only what changed meanwhile.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { status, type ServiceError } from '@grpc/grpc-js';
import type { BreakerMessage } from '#wire';
import { BreakerClient } from '../client.ts';
import { failureOf, inShort, type Connection } from '../connection.ts';
import { LiveTable } from '../live-table.ts';
import { shownInStream, type Output } from '../output.ts';
import { shown, stateInWords, untilOf, type ShownBreaker } from '../shown.ts';

export interface WatchOptions {
  /** Absent: all. */
  readonly upstream?: string;
  /** Absent: `table` on a terminal, else `json`. */
  readonly output?: Output;
}

const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 5_000;
/** No other try would end differently. */
const FINAL: ReadonlySet<number> = new Set([status.UNAUTHENTICATED, status.PERMISSION_DENIED, status.NOT_FOUND, status.INVALID_ARGUMENT, status.UNIMPLEMENTED]);

/** Settles after SIGINT or SIGTERM. @throws {Failure} if there was never a console, or it refuses. */
export async function watch(connection: Connection, { upstream = '', output }: WatchOptions): Promise<void> {
  const client = new BreakerClient(connection);
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => interrupted.abort());
  const teller = tellerOf(output, connection);
  let everAccepted = false;
  let waitMs = RETRY_FIRST_MS;
  try {
    while (!interrupted.signal.aborted) {
      const { error, accepted } = await follow(client, { upstream, teller, until: interrupted.signal });
      if (interrupted.signal.aborted) return;
      everAccepted ||= accepted;
      if (FINAL.has(error?.code ?? status.OK) || !everAccepted) throw failureOf(error ?? new Error('the console ended the watch'), connection);
      if (accepted) waitMs = RETRY_FIRST_MS;
      teller.cut(`the watch of ${connection.server} ended (${error === undefined ? 'by the console' : inShort(error.details)}); trying again`);
      await wait(waitMs, undefined, { signal: interrupted.signal }).catch(() => {});
      waitMs = Math.min(RETRY_MAX_MS, waitMs * 2);
    }
  } finally {
    teller.end();
    client.close();
  }
}

interface Teller {
  tell(breaker: ShownBreaker): void;
  /** Again and again, until it goes on. */
  cut(text: string): void;
  goesOn(): void;
  end(): void;
}

function tellerOf(output: WatchOptions['output'], { server }: Connection): Teller {
  if (process.stdout.isTTY && (output ?? 'table') === 'table') return new LiveTable(server);
  return new Told(output ?? 'json');
}

interface Ended {
  readonly error: ServiceError | undefined;
  /** The console had taken the watch, with or without a breaker to tell of. */
  readonly accepted: boolean;
}

function follow(client: BreakerClient, { upstream, teller, until }: { upstream: string; teller: Teller; until: AbortSignal }): Promise<Ended> {
  return new Promise((resolve) => {
    const stream = client.watch(upstream);
    let accepted = false;
    const cancel = (): void => stream.cancel();
    const end = (error: ServiceError | undefined): void => {
      until.removeEventListener('abort', cancel);
      resolve({ error, accepted });
    };
    until.addEventListener('abort', cancel);
    stream.on('metadata', () => {
      accepted = true;
      teller.goesOn();
    });
    stream.on('data', (breaker: BreakerMessage) => teller.tell(shown(breaker)));
    stream.on('error', (error: ServiceError) => end(error));
    stream.on('end', () => end(undefined));
  });
}

/** What was told of each upstream; bounded by how many the console has. */
class Told implements Teller {
  readonly #output: Output;
  readonly #last = new Map<string, string>();
  #cut = '';

  constructor(output: Output) {
    this.#output = output;
  }

  tell(breaker: ShownBreaker): void {
    const { upstream, incarnation, generation, state, admit, policy, override } = breaker;
    const content = JSON.stringify([incarnation, generation, state, admit, policy?.version, override?.control_offset]);
    if (this.#last.get(upstream) === content) return;
    this.#last.set(upstream, content);
    process.stdout.write(shownInStream(this.#output, breaker, () => line(breaker)));
  }

  cut(text: string): void {
    if (text !== this.#cut) process.stderr.write(`${text}\n`);
    this.#cut = text;
  }

  goesOn(): void {
    if (this.#cut !== '') process.stderr.write('the watch goes on\n');
    this.#cut = '';
  }

  end(): void {}
}

function line(breaker: ShownBreaker): string {
  const { upstream, since, override, generation, policy } = breaker;
  const until = untilOf(breaker);
  const by = override === undefined ? '' : `  set by ${override.author}: ${override.reason}`;
  const gone = policy === undefined ? '  (policy deleted)' : '';
  return `${since}  ${upstream}  ${stateInWords(breaker)}${until === undefined ? '' : ` until ${until}`}  generation ${generation}${by}${gone}`;
}

/**
 * `fuseboard watch`: a line for the present state of each breaker, then one for each change, until it is interrupted.
 * It comes back when the console does, and then tells only what changed meanwhile.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { status, type ServiceError } from '@grpc/grpc-js';
import type { BreakerMessage } from '#wire';
import { BreakerClient } from '../client.ts';
import { failureOf, type Connection } from '../connection.ts';
import { shown, stateInWords, type ShownBreaker } from '../shown.ts';

export interface WatchOptions {
  /** Absent: all. */
  readonly upstream?: string;
  readonly output: 'table' | 'json';
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
  const told = new Told(output);
  let everAccepted = false;
  let waitMs = RETRY_FIRST_MS;
  try {
    while (!interrupted.signal.aborted) {
      const { error, accepted } = await follow(client, { upstream, told, until: interrupted.signal });
      if (interrupted.signal.aborted) return;
      everAccepted ||= accepted;
      if (FINAL.has(error?.code ?? status.OK) || !everAccepted) throw failureOf(error ?? new Error('the console ended the watch'), connection);
      if (accepted) waitMs = RETRY_FIRST_MS;
      process.stderr.write(`the watch of ${connection.server} ended (${error?.details ?? 'by the console'}); trying again\n`);
      await wait(waitMs, undefined, { signal: interrupted.signal }).catch(() => {});
      waitMs = Math.min(RETRY_MAX_MS, waitMs * 2);
    }
  } finally {
    client.close();
  }
}

interface Ended {
  readonly error: ServiceError | undefined;
  /** The console had taken the watch, with or without a breaker to tell of. */
  readonly accepted: boolean;
}

function follow(client: BreakerClient, { upstream, told, until }: { upstream: string; told: Told; until: AbortSignal }): Promise<Ended> {
  return new Promise((resolve) => {
    const stream = client.watch(upstream);
    let accepted = false;
    const cancel = (): void => stream.cancel();
    const end = (error: ServiceError | undefined): void => {
      until.removeEventListener('abort', cancel);
      resolve({ error, accepted });
    };
    until.addEventListener('abort', cancel);
    stream.on('metadata', () => (accepted = true));
    stream.on('data', (breaker: BreakerMessage) => told.tell(shown(breaker)));
    stream.on('error', (error: ServiceError) => end(error));
    stream.on('end', () => end(undefined));
  });
}

/** What was told of each upstream; bounded by how many the console has. */
class Told {
  readonly #output: WatchOptions['output'];
  readonly #last = new Map<string, string>();

  constructor(output: WatchOptions['output']) {
    this.#output = output;
  }

  tell(breaker: ShownBreaker): void {
    const { upstream, incarnation, generation, state, admit, policy, override } = breaker;
    const content = JSON.stringify([incarnation, generation, state, admit, policy?.version, override?.control_offset]);
    if (this.#last.get(upstream) === content) return;
    this.#last.set(upstream, content);
    process.stdout.write(`${this.#output === 'json' ? JSON.stringify(breaker) : line(breaker)}\n`);
  }
}

function line({ upstream, state, admit, since, open_until: openUntil, override, generation, policy }: ShownBreaker): string {
  const until = openUntil ?? override?.until;
  const by = override === undefined ? '' : `  set by ${override.author}: ${override.reason}`;
  const gone = policy === undefined ? '  (policy deleted)' : '';
  return `${since}  ${upstream}  ${stateInWords({ state, admit })}${until === undefined ? '' : ` until ${until}`}  generation ${generation}${by}${gone}`;
}

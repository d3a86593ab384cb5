/** What a scenario is played on, and what comes of it. */
import type { ConsoleClient } from '../support/console-client.ts';
import type { Address } from '../support/program.ts';
import type { Check } from './checks.ts';
import type { Scale } from './scale.ts';
import type { WatchedUpstream } from './upstream.ts';

export interface Stage {
  readonly scale: Scale;
  readonly seed: number;
  /** The breaker's name. */
  readonly upstream: string;
  /** What callers write into `Host`. */
  readonly host: string;
  readonly proxy: Address;
  /** Where callers go while it is open: in a fleet another one. */
  readonly otherProxy: Address;
  readonly console: ConsoleClient;
  /** Of `proxy`. */
  readonly metrics: ConsoleClient;
  readonly watched: WatchedUpstream;
}

/** One row of the table. */
export interface Row {
  readonly id: string;
  readonly policy: string;
  /** In the first load. */
  readonly calls: ReadonlyMap<string, number>;
  readonly tripped?: string;
  /** Calls of the second load, while open. */
  readonly whileOpen?: string;
  /** Of the state, ms. */
  readonly closedAfterMs?: number;
  readonly again?: string;
  readonly expected: string;
  readonly checks: readonly Check[];
}

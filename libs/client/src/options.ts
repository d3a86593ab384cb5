/** What a client is given. */
import type { OwnClocks } from '#engine';

/** Paths of PEM files, read again for each connection. */
export interface TlsFiles {
  /** Who may have signed the other side's certificate; default: whom Node trusts. */
  readonly ca?: string;
  /** A certificate of one's own and its key; both or none. */
  readonly cert?: string;
  readonly key?: string;
}

export interface KafkaOptions {
  /** `HOST:PORT`, one or several. */
  readonly brokers: string | readonly string[];
  /** `true`: whom Node trusts. Default: cleartext. */
  readonly tls?: true | TlsFiles;
  readonly sasl?: { readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; readonly username: string; readonly password: string };
}

/** A record of the outcomes topic (docs/producers.md). */
export interface OutcomeMessage {
  readonly key: string;
  readonly value: string;
}

/** Outcomes that nobody will hear of. */
export interface Dropped {
  /** `full`: 10,000 wait already. `invalid`: it breaks the record's table. `closed`: the client was. `unsent`: it was closed before they were acknowledged. */
  readonly reason: 'full' | 'invalid' | 'closed' | 'unsent';
  readonly count: number;
  /** Of `invalid`: what is wrong with it. */
  readonly problem?: string;
}

/** At least one of `consoles`, `kafka` and `send`. */
export interface FuseboardOptions {
  /** gRPC of consoles, `HOST:PORT`, one or several; one of them is followed. Absent: no call is refused. */
  readonly consoles?: string | readonly string[];
  /** Shown to consoles; a function is asked for each connection. */
  readonly token?: string | (() => string);
  /** To consoles. `true`: whom Node trusts. Default: cleartext. */
  readonly tls?: true | TlsFiles;
  /** Where outcomes go. Absent, and no `send`: they are judged here while the fleet's state isn't known, and told to nobody. */
  readonly kafka?: KafkaOptions;
  /** In place of `kafka`: a producer of one's own; rejects for what is to be sent again. Partitioner: murmur2 of the key. */
  readonly send?: (messages: readonly OutcomeMessage[]) => Promise<unknown>;
  /** The fleet's FUSEBOARD_TOPIC_PREFIX; default `fuseboard.`. */
  readonly topicPrefix?: string;
  /** The fleet's FUSEBOARD_PARTITIONS, 1 to 1,000; default 12. */
  readonly partitions?: number;
  /** The `reporter` of its outcomes, 1 to 200 characters, one for each process and a new one after a restart; default: host, process and chance. */
  readonly instance?: string;
  /** From when on the fleet's states count as unknown, ms, 1,000 to 600,000; default 5,000 (V4). */
  readonly stateMaxAgeMs?: number;
  /** Hears in words what a person should know: what is out of reach, what is refused. Default: a process warning. */
  readonly onProblem?: (problem: string) => void;
  readonly onDropped?: (dropped: Dropped) => void;
  /** For tests. */
  readonly clocks?: OwnClocks;
}

/** Names the option, what was found there (but secrets) and what is allowed. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}

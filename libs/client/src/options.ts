/** What a client is given, read once: a value that isn't allowed stops it, in words that name the option. */
import type { OwnClocks } from '#engine';
import { ADDRESS_ALLOWED, Secret, TOKENS_ALLOWED, parseAddress, parseTokens, type Address, type ClientTlsFiles, type KafkaSecurity } from '#runtime/reach';

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
  /** `full`: 10,000 wait already. `invalid`: it breaks the record's table. `closed`: the client was. `unsent`: it was closed first. */
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

export class OptionError extends Error {
  override readonly name = 'OptionError';
}

/** Each address read, each default in. */
export interface Settings {
  readonly consoles: readonly Address[];
  readonly token: () => Secret | undefined;
  readonly tls: ClientTlsFiles | undefined;
  readonly kafka: { readonly brokers: readonly Address[]; readonly security: KafkaSecurity } | undefined;
  readonly topicPrefix: string;
  readonly partitions: number;
  readonly instance: string | undefined;
  readonly stateMaxAgeMs: number;
}

/** @throws {OptionError} naming the option, what was found (but secrets) and what is allowed */
export function readOptions(options: FuseboardOptions): Settings {
  const { consoles, kafka, send, instance, topicPrefix = 'fuseboard.', partitions = 12, stateMaxAgeMs = 5_000 } = options;
  if (consoles === undefined && kafka === undefined && send === undefined) throw new OptionError('none of consoles, kafka and send is given; allowed: one of them or more');
  if (kafka !== undefined && send !== undefined) throw new OptionError('kafka and send are both given; allowed: one of them');
  if (instance !== undefined && (instance.length < 1 || instance.length > 200)) throw new OptionError(`instance: found ${JSON.stringify(instance)}, allowed: 1 to 200 characters`);
  return {
    consoles: consoles === undefined ? [] : addresses('consoles', consoles),
    token: tokenReader(options.token),
    tls: options.tls && { ca: undefined, cert: undefined, key: undefined, ...files('tls', options.tls), variables: { ca: 'tls.ca', cert: 'tls.cert', key: 'tls.key' } },
    kafka: kafka && { brokers: addresses('kafka.brokers', kafka.brokers), security: securityOf(kafka) },
    topicPrefix,
    partitions: whole('partitions', partitions, [1, 1_000]),
    instance,
    stateMaxAgeMs: whole('stateMaxAgeMs', stateMaxAgeMs, [1_000, 600_000]),
  };
}

function addresses(option: string, given: string | readonly string[]): readonly Address[] {
  const texts = typeof given === 'string' ? given.split(',') : given;
  if (texts.length === 0) throw new OptionError(`${option}: none is given, allowed: one or more of ${ADDRESS_ALLOWED}`);
  return texts.map((text) => {
    const address = parseAddress(text);
    if (address === undefined || address.port === 0) throw new OptionError(`${option}: found "${text}", allowed: ${ADDRESS_ALLOWED}`);
    return address;
  });
}

function tokenReader(token: FuseboardOptions['token']): () => Secret | undefined {
  if (token === undefined) return () => undefined;
  const read = typeof token === 'function' ? token : (): string => token;
  const ask = (): Secret => {
    const [first] = parseTokens(read()) ?? [];
    if (first === undefined) throw new OptionError(`token: found a value that is not allowed (it is secret, and not shown), allowed: ${TOKENS_ALLOWED}; the first is shown`);
    return new Secret(first);
  };
  ask();
  return ask;
}

function files(option: string, tls: true | TlsFiles): TlsFiles {
  if (tls === true) return {};
  if ((tls.cert === undefined) !== (tls.key === undefined)) throw new OptionError(`${option}.cert and ${option}.key: one is given without the other; allowed: both or none`);
  return tls;
}

function securityOf({ tls, sasl }: KafkaOptions): KafkaSecurity {
  const { ca, cert, key } = tls === undefined ? {} : files('kafka.tls', tls);
  return {
    ...(tls !== undefined && { tls: { ...(ca !== undefined && { ca }), ...(cert !== undefined && key !== undefined && { client: { cert, key } }) } }),
    ...(sasl && { sasl: { ...sasl, password: new Secret(sasl.password) } }),
  };
}

function whole(option: string, value: number, [least, most]: readonly [number, number]): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new OptionError(`${option}: found ${value}, allowed: a whole number from ${least} to ${most}`);
}

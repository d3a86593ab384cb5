/** A client's options, read once: a value that isn't allowed stops it, in words that name the option. */
import { ADDRESS_ALLOWED, Secret, TOKENS_ALLOWED, parseAddress, parseTokens, type Address, type ClientTlsFiles, type KafkaSecurity } from '#runtime/reach';
import { OptionError, type FuseboardOptions, type KafkaOptions, type TlsFiles } from './options.ts';

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

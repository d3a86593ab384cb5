/** Where a client has its states from and its outcomes to: consoles and Kafka, by the drivers that the proxy uses. */
import { askBreaker, openConsole, openKafka, type ConsoleCredentials, type FollowFailure, type OpenConsole, type Reach } from '#drivers/client';
import type { Outcome, OutcomeLog } from '#engine';
import { Outage, StartError, formatAddress, readClientTls, type Address } from '#runtime/reach';
import { encodeOutcome, type BreakerMessage } from '#wire';
import { OptionError, type FuseboardOptions } from './options.ts';
import type { Settings } from './settings.ts';

/** For each console that is asked once, ms. */
const ANSWER_MS = 5_000;

/** The drivers name the settings of Fuseboard's own processes. */
const OPTION_NAMES: Readonly<Record<string, string>> = {
  FUSEBOARD_TOPIC_PREFIX: 'topicPrefix',
  FUSEBOARD_PARTITIONS: 'partitions',
  FUSEBOARD_TOKEN: 'token',
  FUSEBOARD_STATES_FROM: 'consoles',
  FUSEBOARD_KAFKA_BROKERS: 'kafka.brokers',
  FUSEBOARD_KAFKA_TLS: 'kafka.tls',
  FUSEBOARD_KAFKA_TLS_CA: 'kafka.tls.ca',
  FUSEBOARD_KAFKA_TLS_CERT: 'kafka.tls.cert',
  FUSEBOARD_KAFKA_TLS_KEY: 'kafka.tls.key',
  FUSEBOARD_KAFKA_SASL_MECHANISM: 'kafka.sasl.mechanism',
};

export interface Stores {
  /** Absent: no console is followed. */
  readonly console: OpenConsole | undefined;
  readonly outcomes: Pick<OutcomeLog, 'append'>;
  /**
   * What the first console that answers knows of it. Undefined: no policy ever named the upstream.
   * @throws {OptionError} no console is given, or the last one refuses us
   * @throws Error no console answered
   */
  ask(upstream: string): Promise<BreakerMessage | undefined>;
  /**
   * Settles when Kafka has the topic, and a console of this fleet was heard; tries for as long as it takes.
   * @throws {OptionError} one of them is not as it must be
   */
  prepare(): Promise<void>;
  /** Safe to call twice. */
  close(): Promise<void>;
}

interface StoresOptions extends Settings {
  readonly instance: string;
  readonly send: FuseboardOptions['send'];
  readonly onProblem: (problem: string) => void;
}

/** @throws {OptionError} a certificate or key can't be used */
export function openStores(options: StoresOptions): Stores {
  try {
    return open(options);
  } catch (error) {
    throw error instanceof StartError ? new OptionError(inOptions(error.message)) : error;
  }
}

function open(options: StoresOptions): Stores {
  const { consoles, topicPrefix, partitions, instance, kafka: at } = options;
  const say = (problem: string): void => options.onProblem(inOptions(problem));
  const onError = (error: unknown, doing: string): void => say(`${doing} failed and will be tried again (${error instanceof Error ? error.message : String(error)})`);
  const credentials = credentialsOf(options);
  const kafkaReach = at && outage(`Kafka at ${listed(at.brokers)}`, 'outcomes wait, and what finds no room is dropped and counted', say);
  // What fails while Kafka is out of reach fails for that reason, which is said.
  const kafka = at && kafkaReach && openKafka({ ...at, topicPrefix, partitions, instance, part: 'proxy', reach: kafkaReach, onError: (error, doing) => void (kafkaReach.isOver && onError(error, doing)) });
  const reach = outage(`the console at ${listed(consoles)}`, 'states are kept as they were last known', say);
  const console = consoles.length === 0 ? undefined : openConsole({ consoles, credentials, partitions, topicPrefix, reach, onError });
  return {
    console,
    ask: async (upstream) => {
      if (consoles.length === 0) throw new OptionError('consoles: not given, so there is no console to ask');
      return await askBreaker({ upstream, consoles: consoles.map(formatAddress), credentials: credentials(), answerMs: ANSWER_MS }).catch(failToAsk);
    },
    outcomes: kafka?.outcomes ?? logOf(options.send),
    prepare: async () => {
      await Promise.all([kafka?.prepare(), console?.prepare()]).catch((error: unknown) => {
        throw error instanceof StartError ? new OptionError(inOptions(error.message)) : error;
      });
    },
    close: async () => {
      await Promise.all([kafka?.close(), console?.close()]);
    },
  };
}

function credentialsOf({ token, tls: files }: Settings): () => ConsoleCredentials {
  let tls = files && readClientTls(files);
  let shown = token();
  return () => {
    try {
      tls = files && readClientTls(files);
      shown = token();
    } catch {
      // Half written, perhaps; what was in use is good until it runs out, and then the console says so.
    }
    return { token: shown, tls };
  };
}

/** A producer of the program's own, or nobody who hears. */
function logOf(send: FuseboardOptions['send']): Pick<OutcomeLog, 'append'> {
  if (send === undefined) return { append: async () => [] };
  const messageOf = (outcome: Outcome) => ({ key: outcome.upstream, value: Buffer.from(encodeOutcome(outcome)).toString('utf8') });
  return {
    append: async (outcomes) => {
      await send(outcomes.map(messageOf));
      return [];
    },
  };
}

function outage(what: string, meanwhile: string, say: (problem: string) => void): Reach & Pick<Outage, 'isOver'> {
  const told = (_reason: unknown, message?: string): void => say(message ?? String(_reason));
  return new Outage({ what, meanwhile, logger: { warn: told, info: told }, health: { condition: () => ({ ready: () => {}, notReady: () => {} }) } });
}

function listed(addresses: readonly Address[]): string {
  return addresses.map(formatAddress).join(', ');
}

function failToAsk({ variable, message }: FollowFailure): never {
  throw variable === undefined ? new Error(message) : new OptionError(inOptions(`${variable}: ${message}`));
}

function inOptions(problem: string): string {
  return problem.replace(/FUSEBOARD_[A-Z_]+/g, (variable) => OPTION_NAMES[variable] ?? variable);
}

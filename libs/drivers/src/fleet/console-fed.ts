/** A proxy's drivers where its states come from consoles: outcomes go to Kafka, and Redis sees the consoles only. */
import { Outage, Sparing, StartError, formatAddress, readClientTls, type ConsoleFedConfig, type Runtime } from '#runtime';
import type { openConsole } from '../console/console.ts';
import type { ConsoleCredentials } from '../console/console-service.ts';
import type { OnError, ProxyDrivers, Reach } from '../drivers.ts';
import { openKafka } from '../kafka/kafka.ts';
import { openFleetFor } from './fleet.ts';

interface ConsoleFedOptions {
  readonly openConsole: typeof openConsole;
  readonly config: ConsoleFedConfig;
  readonly instance: string;
  readonly kafka: Reach;
  readonly console: Reach;
  readonly onFollowing: (address: string) => void;
  readonly onError: OnError;
}

function openConsoleFed(options: ConsoleFedOptions): ProxyDrivers {
  const { config, instance, onFollowing, onError } = options;
  const { kafkaBrokers: brokers, kafkaSecurity: security, topicPrefix, partitions, consoles } = config;
  const kafka = openKafka({ brokers, ...(security && { security }), topicPrefix, partitions, instance, reach: options.kafka, onError });
  const console = options.openConsole({ consoles, credentials: credentialsOf(config), partitions, topicPrefix, reach: options.console, onFollowing, onError });
  let closing: Promise<void> | undefined;
  const end = async (): Promise<void> => {
    await Promise.all([kafka.close(), console.close()]);
  };
  const prepare = async (): Promise<void> => {
    try {
      await Promise.all([kafka.prepare(), console.prepare()]);
    } catch (error) {
      // What a closed driver says of itself is no reason not to start.
      if (closing === undefined || error instanceof StartError) throw error;
      await new Promise(() => {});
    }
  };
  const { outcomes } = kafka;
  const { stateFeed, documentFeed, presence } = console;
  return { partitions, outcomes, stateFeed, documentFeed, presence, prepare, close: () => (closing ??= end()) };
}

/**
 * Read again for each connection, so that renewing them needs no restart; files that can't be used then leave what was in use.
 * @throws {StartError} naming the setting and the file that can't be used now
 */
function credentialsOf({ token, tls: files }: ConsoleFedConfig): () => ConsoleCredentials {
  let tls = files && readClientTls(files);
  return () => {
    try {
      tls = files && readClientTls(files);
    } catch {
      // Half written, perhaps; the pair in use is good until it runs out, and then the console says so.
    }
    return { token: token?.shown(), tls };
  };
}

/** For a proxy's process: as it is configured, its outages in its log and its readiness. */
export async function openProxyDriversFor(runtime: Runtime): Promise<ProxyDrivers> {
  const { config: { drivers, instance }, logger, health } = runtime;
  if (drivers.kind !== 'consoles') return openFleetFor(runtime);
  // Only they speak gRPC, which takes a while to load.
  const { openConsole } = await import('../console/console.ts');
  const kafka = new Outage({ what: `Kafka at ${drivers.kafkaBrokers.map(formatAddress).join(', ')}`, meanwhile: 'outcomes wait, and what finds no room is dropped and counted', logger, health });
  const console = new Outage({ what: `the console at ${drivers.consoles.map(formatAddress).join(', ')}`, meanwhile: 'states are kept as they were last known', logger, health });
  const sparing = new Sparing(logger);
  const onError: OnError = (error, doing) => {
    // What fails meanwhile fails for that reason, which is said.
    if (kafka.isOver && console.isOver) sparing.warn(`${doing} failed and will be tried again`, { err: error });
  };
  const onFollowing = (address: string): void => logger.info({ console: address }, `states come from the console at ${address}`);
  return openConsoleFed({ openConsole, config: drivers, instance, kafka, console, onFollowing, onError });
}

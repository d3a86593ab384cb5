/**
 * Kafka and Redis for a run of tests, scenarios or benchmarks: those that the environment names, else containers, else
 * local processes; each of the two by itself.
 */
import { kafkaAnswers, redisAnswers } from './answers.ts';
import { dockerMissing } from './docker-engine.ts';
import { startKafka, type KafkaOptions } from './kafka.ts';
import { NoServiceError } from './no-service.ts';
import { startRedis } from './redis.ts';
import type { ServiceAddresses } from './services.ts';

/** One way to have a service. */
export interface Way {
  readonly name: string;
  /** @throws NoServiceError where this way is not open on this machine; any other error ends the search. */
  open(): Promise<Opened>;
}

export interface Opened {
  readonly address: string;
  /** Ends what was started for it. */
  close(): Promise<void>;
}

export interface Services extends ServiceAddresses {
  /** Which way each was found and how long that took, in one line. */
  readonly how: string;
  /** Ends what was started. */
  stop(): Promise<void>;
}

/**
 * Finds or starts both.
 * @throws NoServiceError where one can't be had, naming what was tried and what would help.
 * @throws Error where a variable names one that doesn't answer.
 */
export async function startServices(options: KafkaOptions = {}): Promise<Services> {
  const both = await Promise.allSettled([firstOpen('Kafka', kafkaWays(options)), firstOpen('Redis', redisWays(options))]);
  const [kafka, redis] = both.map((each) => (each.status === 'fulfilled' ? each.value : undefined));
  const stop = async (): Promise<void> => void (await Promise.all([kafka?.close(), redis?.close()]));
  if (kafka === undefined || redis === undefined) {
    await stop();
    throw reasonOf(both.flatMap((each) => (each.status === 'rejected' ? [each.reason as Error] : [])));
  }
  return { kafkaBrokers: kafka.address, redisUrl: redis.address, how: `${kafka.how}; ${redis.how}`, stop };
}

/** The first way that is open. */
export async function firstOpen(service: string, ways: readonly Way[]): Promise<Opened & { readonly how: string }> {
  const startedMs = performance.now();
  const tried: string[] = [];
  for (const way of ways) {
    try {
      const opened = await way.open();
      return { ...opened, how: `${service} by ${way.name} in ${((performance.now() - startedMs) / 1000).toFixed(1)} s` };
    } catch (error) {
      if (!(error instanceof NoServiceError)) throw error;
      tried.push(`${way.name}: ${error.message}`);
    }
  }
  throw new NoServiceError(`no ${service} to test with (${tried.join('; ')})`);
}

/** In order. */
export function kafkaWays({ forLoad = false, say = () => undefined }: KafkaOptions): Way[] {
  const inContainer = async (): Promise<Opened> => (await import('./containers.ts')).openKafkaContainer({ forLoad });
  const local = async (): Promise<Opened> => {
    const kafka = await startKafka({ forLoad, say });
    return { address: kafka.brokers, close: () => kafka.close() };
  };
  return [named('KAFKA_BROKERS', kafkaAnswers), docker(inContainer, say), { name: 'a local process', open: local }];
}

/** In order. */
export function redisWays({ say = () => undefined }: Pick<KafkaOptions, 'say'>): Way[] {
  const inContainer = async (): Promise<Opened> => (await import('./containers.ts')).openRedisContainer();
  const local = async (): Promise<Opened> => {
    const redis = await startRedis();
    return { address: redis.url, close: () => redis.close() };
  };
  return [named('REDIS_URL', redisAnswers), docker(inContainer, say), { name: 'a local process', open: local }];
}

/** The one that a variable names. A set one that doesn't answer is an error: whoever set it means that one. */
function named(variable: string, answers: (address: string) => Promise<void>): Way {
  const open = async (): Promise<Opened> => {
    const address = process.env[variable] ?? '';
    if (address === '') throw new NoServiceError('not set');
    await answers(address).catch((error: Error) => {
      throw new Error(`${variable} is set, and does not answer: ${error.message}`, { cause: error });
    });
    return { address, close: () => Promise.resolve() };
  };
  return { name: variable, open };
}

/** An engine is taken where one is found; nobody asked for it, so one that can't run the image is said and passed over. */
function docker(open: () => Promise<Opened>, say: (line: string) => void): Way {
  const openOrPass = async (): Promise<Opened> => {
    const missing = dockerMissing();
    if (missing !== undefined) throw new NoServiceError(missing);
    return open().catch((error: Error) => {
      say(`passed over Docker, whose engine answers: ${error.message}`);
      throw new NoServiceError(error.message, { cause: error });
    });
  };
  return { name: 'Docker', open: openOrPass };
}

/** A defect goes before what is only not there. */
function reasonOf(errors: readonly Error[]): Error {
  const defect = errors.find((error) => !(error instanceof NoServiceError));
  return defect ?? new NoServiceError(errors.map(({ message }) => message).join('; '));
}

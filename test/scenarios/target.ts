/** What the scenarios are played on: `npm start`, or the fleet's processes on a Kafka and a Redis. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ConsoleClient } from '../support/console-client.ts';
import { FleetStage } from '../support/fleet.ts';
import type { Address } from '../support/program.ts';
import type { ServiceAddresses } from '../support/services/services.ts';
import { startServices } from '../support/services/start-services.ts';
import { startStandalone } from '../support/standalone.ts';

export type TargetName = 'embedded' | 'fleet';

export interface Target {
  /** At least one: loads begin at the first and go on, while open, at the last. */
  readonly proxies: readonly Address[];
  /** Where the metrics of the first proxy are. */
  readonly metrics: ConsoleClient;
  readonly console: ConsoleClient;
  /** What its processes printed so far. */
  readonly output: () => string;
  /** Ends its processes gracefully; gives the first exit code that isn't 0, else 0. */
  readonly stop: () => Promise<number | null>;
  /** Ends everything that is left. */
  readonly end: () => Promise<void>;
}

interface Where {
  readonly configDir: string;
  /** For what it keeps. */
  readonly folder: string;
  /** The fleet's Kafka and Redis; undefined: they are started. */
  readonly services: ServiceAddresses | undefined;
}

/** @throws Error with what was printed, if it can't be started. */
export async function startTarget(name: TargetName, where: Where): Promise<Target> {
  return name === 'fleet' ? await startFleet(where) : await startEmbedded(where);
}

async function startEmbedded({ configDir, folder }: Where): Promise<Target> {
  const standalone = await startStandalone({ configDir, dataDir: join(folder, 'data') });
  const { proxy, console } = standalone.addresses;
  const client = new ConsoleClient(console);
  return {
    proxies: [proxy],
    metrics: client,
    console: client,
    output: () => standalone.output,
    stop: () => standalone.stop(),
    end: () => standalone.kill(),
  };
}

/** One ingest, two proxies, a console. */
async function startFleet({ configDir, services: given }: Where): Promise<Target> {
  const own = given === undefined ? await startServices() : undefined;
  const { kafkaBrokers, redisUrl } = (given ?? own) as ServiceAddresses;
  const stage = new FleetStage({ kafkaBrokers, redisUrl, configDir, prefix: `scenarios-${randomBytes(4).toString('hex')}` });
  const end = async (): Promise<void> => {
    await stage.kill();
    await own?.stop();
  };
  try {
    const [ingest, first, second, console] = await Promise.all([stage.ingest(), stage.proxy(), stage.proxy(), stage.console()]);
    await stage.ready([ingest, first, second, console]);
    return {
      proxies: [first.proxy, second.proxy],
      metrics: new ConsoleClient(first.admin),
      console: console.client,
      output: () => stage.output,
      stop: async () => (await stage.stop()).find((code) => code !== 0) ?? 0,
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** The console's feeds as the contract suite drives them: a console in front of the fleet's real Redis, and the rest as in the fleet. */
import type { Drivers } from '#drivers';
import { Health, Metrics, createLogger, readConfig, type Runtime } from '#runtime';
import { startConsole } from '../../apps/console/src/start-console.ts';
import { openConsole } from '../../libs/drivers/src/console/console.ts';
import { fleetHarness } from './fleet-harness.ts';
import type { DriverUnderTest, Harness } from './harness.ts';

const TOPIC_PREFIX = 'contract.';

/** @param of the fleet's own drivers, by which the console hears */
async function throughConsole(of: DriverUnderTest): Promise<DriverUnderTest> {
  const running = await startConsole({ drivers: of, runtime: runtimeOf(of) });
  const console = openConsole({
    consoles: [running.grpcAddress],
    credentials: () => ({ token: undefined, tls: undefined }),
    partitions: of.partitions,
    topicPrefix: TOPIC_PREFIX,
    reach: { failed: () => {}, reached: () => {} },
    // Listeners that throw are meant to be reported; nobody need read it here.
    onError: () => {},
  });
  await console.prepare();
  const { stateFeed, documentFeed } = console;
  const end = async (): Promise<void> => {
    await console.close();
    await running.close();
  };
  const driver: DriverUnderTest = { ...of, stateFeed, documentFeed, close: async () => (await end(), await of.close()) };
  ends.set(driver, { of, end });
  return driver;
}

const ends = new WeakMap<DriverUnderTest, { readonly of: DriverUnderTest; readonly end: () => Promise<void> }>();

function runtimeOf({ partitions }: Pick<Drivers, 'partitions'>): Runtime {
  const free = '127.0.0.1:0';
  const unused = { FUSEBOARD_KAFKA_BROKERS: '127.0.0.1:1', FUSEBOARD_REDIS_URL: 'redis://127.0.0.1:1' };
  const env = { ...unused, FUSEBOARD_PARTITIONS: `${partitions}`, FUSEBOARD_TOPIC_PREFIX: TOPIC_PREFIX, FUSEBOARD_CONSOLE_LISTEN: free, FUSEBOARD_GRPC_LISTEN: free };
  const config = readConfig({ role: 'console', argv: [], env });
  const { instance } = config;
  const logger = createLogger({ level: 'silent', process: 'console', instance });
  return { config, health: new Health(), logger, metrics: new Metrics({ process: 'console', version: 'test', instance, processFigures: false }) };
}

async function crash(driver: DriverUnderTest): Promise<DriverUnderTest> {
  const own = ends.get(driver);
  if (own === undefined) throw new Error('this harness opened no such driver');
  await own.end();
  return await throughConsole(await (fleetHarness.crash as NonNullable<Harness['crash']>)(own.of));
}

const breakCommits: Harness['breakCommits'] = (driver) => (fleetHarness.breakCommits as NonNullable<Harness['breakCommits']>)(ends.get(driver)?.of ?? driver);

export const consoleHarness: Harness = { name: 'console', open: async () => await throughConsole(await fleetHarness.open()), crash, breakCommits };

/** Opens the logs and stores that a command reads itself: the fleet's, or a data directory. */
import { openEmbedded, openEmbeddedToRead, openFleet, type Drivers, type Fleet, type ReadOnlyDrivers } from '#drivers';
import { readStoresConfig, type FleetConfig, type StoresConfig } from '#runtime';
import { partitionOf } from '#wire';
import type { AuditOptions } from '#audit';
import { Failure } from './failure.ts';

/** Until Kafka and Redis must have answered, ms. */
const PREPARE_MAX_MS = 20_000;

export interface StoreOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `--data-dir`. */
  readonly dataDir?: string;
}

export interface Opened<T> {
  readonly drivers: T & { close(): Promise<void> };
  readonly audit: AuditOptions;
  /** What went wrong last in the background; undefined: nothing. */
  readonly trouble: () => unknown;
}

/** To look at, whoever runs. @throws {Failure | StartError} */
export function openToRead({ env, dataDir }: StoreOptions): Promise<Opened<ReadOnlyDrivers>> {
  const config = readStoresConfig(env, dataDir);
  const { drivers } = config;
  return drivers.kind === 'fleet' ? openedFleet(config, drivers) : Promise.resolve(opened(config, openEmbeddedToRead(drivers.dataDir)));
}

/** To write; of a data directory nobody else may have it. @throws {Failure | StartError} */
export async function openToWrite({ env, dataDir }: StoreOptions): Promise<Opened<Drivers>> {
  const config = readStoresConfig(env, dataDir);
  const { drivers } = config;
  if (drivers.kind === 'fleet') return await openedFleet(config, drivers);
  // There must be something to make the state from; opening to write would make an empty one.
  await openEmbeddedToRead(drivers.dataDir).close();
  return opened(config, openEmbedded({ dataDir: drivers.dataDir }));
}

async function openedFleet(config: StoresConfig, fleetConfig: FleetConfig): Promise<Opened<Fleet>> {
  const { drivers, trouble } = await prepared((note) => {
    const reach = { failed: note, reached: () => {} };
    return openFleet({ config: fleetConfig, instance: `fuseboard-cli-${process.pid}`, part: 'audit', kafka: reach, redis: reach, onError: note });
  }, PREPARE_MAX_MS);
  return { ...opened(config, drivers), trouble };
}

/**
 * What `open` makes, once it is ready; it hands what goes wrong in the background to `note`. That something did before it was
 * ready is no trouble.
 * @throws {Failure} it was not ready `withinMs`; then, and where `prepare` rejects, it is closed
 */
export async function prepared<T extends { prepare(): Promise<unknown>; close(): Promise<void> }>(open: (note: (error: unknown) => void) => T, withinMs: number): Promise<{ readonly drivers: T; readonly trouble: () => unknown }> {
  let trouble: unknown;
  const drivers = open((error) => void (trouble = error));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Failure(`Kafka and Redis did not both answer within ${withinMs / 1_000} s: ${messageOf(trouble)}`)), withinMs);
  });
  try {
    await Promise.race([drivers.prepare(), late]);
  } catch (error) {
    await drivers.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  trouble = undefined;
  return { drivers, trouble: () => trouble };
}

function opened<T extends { readonly partitions: number; close(): Promise<void> }>({ lateAfterMs }: StoresConfig, drivers: T): Opened<T> {
  return { drivers, audit: { partitionOf: (upstream) => partitionOf(upstream, drivers.partitions), lateAfterMs }, trouble: () => undefined };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no answer';
}

/** The engine’s ports made real: `openEmbedded` for one process on one file, `openFleet` for many on Kafka and Redis,
 * `openProxyDriversFor` for a proxy, whose states may come from consoles instead. */
export { DRIVERS, type Drivers, type OnError, type ProxyDrivers } from './drivers.ts';
export { DriversModule } from './drivers.module.ts';
export { DataDirectoryError, type DataDirectoryProblem } from './embedded/data-directory.ts';
export { openEmbedded, type Embedded, type EmbeddedOptions } from './embedded/embedded.ts';
export { openEmbeddedToRead, type ReadOnlyDrivers } from './embedded/open-to-read.ts';
export type { Retention } from './embedded/retention.ts';
export { openProxyDriversFor } from './fleet/console-fed.ts';
export { openFleet, openFleetFor, type Fleet, type FleetOptions } from './fleet/fleet.ts';

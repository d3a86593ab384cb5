/** What every process needs: configuration, log, metrics, health, graceful stop. */
export { ADDRESS_ALLOWED, formatAddress, isLoopback, parseAddress, type Address } from './address.ts';
export { bindError, listen, startAdminServer, type AdminServer } from './admin-server.ts';
export { OTHER } from './bounded-label.ts';
export { readConfig, type Access, type Config, type ConfigSources, type DriversConfig, type EmbeddedConfig, type FleetConfig, type Role } from './config.ts';
export { Health, type Condition, type HealthReport } from './health.ts';
export { createLogger, type Logger, type LoggerOptions } from './logger.ts';
export { runMain } from './main.ts';
export { Metrics, type CallAnswer, type MetricsOptions } from './metrics.ts';
export { nestLogger } from './nest-logger.ts';
export { Outage, type OutageOptions } from './outage.ts';
export { persist, type PersistOptions } from './persist.ts';
export { beginProcess, type Process } from './process.ts';
export { RUNTIME, RuntimeModule, type Runtime } from './runtime.module.ts';
export { Secret } from './secret.ts';
export { type LogLevel } from './settings.ts';
export { StartError } from './start-error.ts';
export { Stopper, type StopperOptions } from './stopper.ts';
export { VERSION } from './version.ts';

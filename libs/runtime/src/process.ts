/** How each of Fuseboard's processes begins: configuration, log, graceful stop, health and metrics, in that order. */
import { Gates } from './access/gate.ts';
import { formatAddress } from './address.ts';
import { startAdminServer, type AdminSource } from './admin-server.ts';
import { readConfig, type Config, type Role } from './config.ts';
import { gaugeHealth } from './health-metrics.ts';
import { Health } from './health.ts';
import { createLogger } from './logger.ts';
import { Metrics } from './metrics.ts';
import type { Runtime } from './runtime.module.ts';
import { STOP_DEADLINE_MS, Stopper } from './stopper.ts';
import { VERSION } from './version.ts';

export interface Process {
  readonly runtime: Runtime;
  /** Listens for signals already. */
  readonly stopper: Stopper;
}

/** For outcomes to be told and everything else to be closed, once calls have ended, ms. */
const AFTER_DRAIN_MS = 3_000;
/** The condition that a proxy has routes to serve. */
export const ROUTES = 'routes';

/** @throws {StartError} naming each setting that is wrong. */
export function beginProcess(role: Role): Process {
  const config = readConfig({ role, env: process.env, argv: process.argv.slice(2) });
  const { instance, logLevel, proxy } = config;
  const servesCalls = role === 'proxy' || role === 'standalone';
  const logger = createLogger({ level: logLevel, process: role, instance });
  for (const warning of config.warnings) logger.warn(warning);
  const stopper = new Stopper({ logger, deadlineMs: servesCalls ? proxy.drainMs + AFTER_DRAIN_MS : STOP_DEADLINE_MS });
  stopper.install();
  const metrics = new Metrics({ process: role, version: VERSION, instance });
  const health = healthOf(config);
  gaugeHealth(metrics, health);
  return { runtime: { config, logger, health, metrics }, stopper };
}

/** FUSEBOARD_PROXY_READY: what a proxy must have before it is ready. */
export function healthOf({ role, proxy, isStandby }: Config): Health {
  return new Health(role === 'proxy' && proxy.ready === 'serving' ? [ROUTES] : undefined, isStandby ? 'standby' : undefined);
}

/**
 * Health, readiness and metrics on FUSEBOARD_ADMIN_LISTEN, for as long as the process lives.
 * @throws {StartError} if the address can't be bound.
 */
export async function serveAdmin({ runtime, stopper }: Process, source: AdminSource = runtime): Promise<void> {
  const { access, adminListen } = runtime.config;
  const gates = new Gates(access);
  const admin = await startAdminServer({ ...source, listen: adminListen, gate: gates.at(adminListen.host) });
  const stopRenewing = gates.keepRenewed(runtime.logger);
  stopper.onStop('admin', async () => {
    stopRenewing();
    await admin.close();
  });
  const address = formatAddress(admin.address);
  runtime.logger.info({ address }, `admin: http://${address}/readyz, /healthz, /metrics`);
}

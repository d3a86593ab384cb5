/** How ingest and proxy begin: as every process does, with an admin server at once, and drivers that connect behind it. */
import { beginProcess, formatAddress, startAdminServer, type Process } from '#runtime';
import { openFleetFor, type Fleet } from './fleet.ts';

export interface Member extends Process {
  /** Closed when the process stops, last but for the admin server. */
  readonly drivers: Fleet;
}

/** @throws {StartError} naming what is wrong with a setting or an address. */
export async function beginMember(role: 'ingest' | 'proxy'): Promise<Member> {
  const { runtime, stopper } = beginProcess(role);
  const { config, logger, health, metrics } = runtime;
  const admin = await startAdminServer({ listen: config.adminListen, health, metrics });
  stopper.onStop('admin', () => admin.close());
  logger.info({ address: formatAddress(admin.address) }, `admin: http://${formatAddress(admin.address)}/readyz, /healthz, /metrics`);
  const drivers = openFleetFor(runtime);
  stopper.onStop('drivers', () => drivers.close());
  return { runtime, stopper, drivers };
}

/** What the fleet's benchmarks share: services, documents, and a process's drivers. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFleet, type Fleet } from '#drivers';
import { Secret, parseAddress, type Address } from '#runtime';
import { FleetStage } from '../test/support/fleet.ts';
import { startServices, type Services } from '../test/support/services/start-services.ts';

export interface BenchFleet {
  readonly services: Services;
  readonly prefix: string;
  readonly stage: FleetStage;
  /** For what lives in the benchmark's own process. */
  readonly openDrivers: (instance: string) => Promise<Fleet>;
  readonly close: () => Promise<void>;
}

export const PARTITIONS = 3;

export interface BenchFleetOptions {
  /** Default: `PARTITIONS`. */
  readonly partitions?: number;
  /** Shared with others, and theirs to stop; default: its own. */
  readonly services?: Services;
}

/** @param documents YAML, given to the ingests; several texts: a file each */
export async function openBenchFleet(documents: string | readonly string[], options: BenchFleetOptions = {}): Promise<BenchFleet> {
  const { partitions = PARTITIONS } = options;
  const services = options.services ?? (await startServices({ forLoad: true }));
  const prefix = `bench-${randomBytes(4).toString('hex')}`;
  const configDir = mkdtempSync(join(tmpdir(), 'fuseboard-bench-'));
  for (const [n, text] of [documents].flat().entries()) writeFileSync(join(configDir, `documents-${n}.yaml`), text);
  const stage = new FleetStage({ ...services, prefix, configDir, partitions });
  const opened: Fleet[] = [];
  return {
    services,
    prefix,
    stage,
    openDrivers: async (instance) => {
      const fleet = openDriversOn(services, { prefix, partitions }, instance);
      opened.push(fleet);
      await fleet.prepare();
      return fleet;
    },
    close: async () => {
      await Promise.all(opened.map((fleet) => fleet.close()));
      await stage.kill();
      if (options.services === undefined) await services.stop();
      rmSync(configDir, { recursive: true, force: true });
    },
  };
}

function openDriversOn({ kafkaBrokers, redisUrl }: Services, { prefix, partitions }: { prefix: string; partitions: number }, instance: string): Fleet {
  const reach = { failed: (error: unknown) => console.error(`${instance}: ${String(error)}`), reached: () => {} };
  return openFleet({
    config: {
      kind: 'fleet',
      kafkaBrokers: kafkaBrokers.split(',').map((broker) => parseAddress(broker) as Address),
      redisUrl: new Secret(redisUrl),
      topicPrefix: `${prefix}.`,
      redisPrefix: `${prefix}:`,
      partitions,
    },
    instance,
    kafka: reach,
    redis: reach,
    onError: (error, doing) => console.error(`${instance}: ${doing}: ${String(error)}`),
  });
}

export interface PolicyOf {
  readonly host: string;
  /** HOST:PORT; absent: a breaker without a route. */
  readonly target?: string;
  readonly errorAmountThreshold: number;
  /** The same as a ratio: an upstream whose calls all fail trips at the same call, and nobody refuses it before (V7). */
  readonly asRatio?: boolean;
}

/** Closed for as long as a benchmark runs, once it is open. */
export function documentsOf(policies: readonly PolicyOf[]): string {
  return policies.map((each, index) => `${upstreamYaml(each, index)}${policyYaml(each, index)}`).join('');
}

function upstreamYaml({ host, target }: PolicyOf, index: number): string {
  if (target === undefined) return '';
  return `---
apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: u${index}, namespace: bench }
spec: { host: ${host}, targets: ["${target}"] }
`;
}

function policyYaml({ host, errorAmountThreshold, asRatio = false }: PolicyOf, index: number): string {
  const threshold = asRatio ? `errorRatioThreshold: 1, minRequestAmount: ${errorAmountThreshold}` : `errorAmountThreshold: ${errorAmountThreshold}`;
  return `---
apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: p${index}, namespace: bench }
spec:
  host: ${host}
  connectionSettings:
    http:
      circuitBreaking: { statTimeWindow: 10m, ${threshold}, degradedTimeWindow: 1h }
`;
}

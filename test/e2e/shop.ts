/** One upstream that fails on demand, its documents, and a fleet in front of it; all of it gone when the test ends. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'vitest';
import { call, type CallEnd } from '../scenarios/load.ts';
import { WatchedUpstream } from '../scenarios/upstream.ts';
import { eventually } from '../support/eventually.ts';
import { FleetStage } from '../support/fleet.ts';
import type { Address } from '../support/program.ts';
import { uniquePrefix, type ServiceAddresses } from '../support/services/services.ts';

export const HOST = 'orders.shop.svc.cluster.local';
export const THRESHOLD = 5;

export interface Shop {
  readonly prefix: string;
  readonly watched: WatchedUpstream;
  readonly stage: FleetStage;
  /** Puts the policy into the directory that ingests are given. */
  readonly policy: (of?: { errors?: number; degraded?: string; host?: string }) => Promise<void>;
}

export async function openShop({ onTestFinished }: Pick<TestContext, 'onTestFinished'>, at: ServiceAddresses): Promise<Shop> {
  const prefix = uniquePrefix();
  const configDir = await mkdtemp(join(tmpdir(), 'fuseboard-shop-'));
  const watched = await WatchedUpstream.start();
  const stage = new FleetStage({ ...at, prefix, configDir });
  onTestFinished(async () => {
    await stage.kill();
    await watched.close();
    await rm(configDir, { recursive: true, force: true });
  });
  const write = async (file: string, text: string): Promise<void> => {
    await writeFile(join(configDir, `.${file}`), text);
    await rename(join(configDir, `.${file}`), join(configDir, file));
  };
  await write('upstream.yaml', upstreamYaml(watched));
  return { prefix, watched, stage, policy: (of) => write('policy.yaml', policyYaml(of)) };
}

interface UpstreamWords {
  readonly target: string;
  readonly name?: string;
  readonly host?: string;
  /** Absent: none of its own. */
  readonly listen?: string;
}

export function upstreamYaml({ target, name = 'orders', host = HOST, listen }: UpstreamWords): string {
  return `apiVersion: fuseboard.dev/v1
kind: Upstream
metadata: { name: ${name}, namespace: shop }
spec: { host: ${host}, targets: ["${target}"]${listen === undefined ? '' : `, listen: "${listen}"`} }
`;
}

export function policyYaml({ errors = THRESHOLD, degraded = '10m', connections = 1_000, host = HOST } = {}): string {
  return `apiVersion: policy.openservicemesh.io/v1alpha1
kind: UpstreamTrafficSetting
metadata: { name: orders, namespace: shop }
spec:
  host: ${host}
  connectionSettings:
    tcp: { maxConnections: ${connections} }
    http:
      circuitBreaking:
        statTimeWindow: 10m
        errorAmountThreshold: ${errors}
        degradedTimeWindow: ${degraded}
        degradedStatusCode: 520
        degradedResponseContent: closed for now
`;
}

export async function callTimes(proxy: Address, times: number, query = ''): Promise<CallEnd[]> {
  const ends: CallEnd[] = [];
  for (let i = 0; i < times; i++) ends.push(await call({ proxy, host: HOST, path: `/echo${query}` }));
  return ends;
}

/** Until callers of this proxy are refused for longer than a second, which its own outcomes alone can't bring (V7). */
export function refusalAt(proxy: Address): Promise<CallEnd> {
  return eventually(async () => (await callTimes(proxy, 1)).find(({ degraded, own }) => degraded && own?.retryAfter !== '1'), { what: 'a refusal' });
}

/** Until callers of this proxy get the upstream's own answer. */
export function passageAt(proxy: Address): Promise<CallEnd> {
  return eventually(async () => (await callTimes(proxy, 1)).find(({ status, degraded }) => status === 200 && !degraded), { what: 'an answer of the upstream' });
}

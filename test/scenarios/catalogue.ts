/**
 * The nine scenarios that osm-edge's circuit breaking is tested by, with the policies that their titles name, and scenario 7's
 * policy as it was printed, which must not trip.
 */
import { stringify } from 'yaml';
import type { Scale } from './scale.ts';

/** Which counter of a window, and what of it, trips. */
export interface Trip {
  readonly counter: 'errors' | 'slow';
  readonly by: 'amount' | 'ratio';
}

interface ScenarioBase {
  /** As the table numbers it; `7p` is 7 as printed. */
  readonly id: string;
  readonly path: string;
}

/** A breaker that must trip, refuse and close. */
export interface TripScenario extends ScenarioBase {
  readonly kind: 'trip';
  readonly trip: Trip;
  readonly degradedStatusCode: number;
  /** Set where the policy names the status itself. */
  readonly namesStatus: boolean;
  /** It is loaded a third time, after the close. */
  readonly tripsAgain: boolean;
}

/** A breaker that must stay closed under its load. */
export interface QuietScenario extends ScenarioBase {
  readonly kind: 'quiet';
}

/** Connection limits and no breaker. */
export interface LimitScenario extends ScenarioBase {
  readonly kind: 'limits';
  readonly connections: number;
  readonly calls: number;
}

export type Scenario = TripScenario | QuietScenario | LimitScenario;

const ERRORS_PATH = '/echo?status=511:20';
const SLOW_PATH = '/echo?delay=200ms:20';
const DEFAULT_STATUS = 409;
const OWN_STATUS = 520;

export const SCENARIOS: readonly Scenario[] = [
  // 20 ms an answer, so that three callers at once do meet.
  { id: '1', kind: 'limits', path: '/echo?delay=20ms', connections: 3, calls: 50 },
  trip('2', { counter: 'errors', by: 'amount' }, DEFAULT_STATUS),
  trip('3', { counter: 'errors', by: 'amount' }, OWN_STATUS),
  trip('4', { counter: 'errors', by: 'ratio' }, DEFAULT_STATUS),
  trip('5', { counter: 'errors', by: 'ratio' }, OWN_STATUS),
  trip('6', { counter: 'slow', by: 'amount' }, DEFAULT_STATUS),
  { ...trip('7', { counter: 'slow', by: 'amount' }, OWN_STATUS), tripsAgain: true },
  { id: '7p', kind: 'quiet', path: SLOW_PATH },
  { ...trip('8', { counter: 'slow', by: 'ratio' }, DEFAULT_STATUS), tripsAgain: true },
  { ...trip('9', { counter: 'slow', by: 'ratio' }, OWN_STATUS), tripsAgain: true },
];

function trip(id: string, by: Trip, degradedStatusCode: number): TripScenario {
  const path = by.counter === 'errors' ? ERRORS_PATH : SLOW_PATH;
  const namesStatus = degradedStatusCode !== DEFAULT_STATUS;
  return { id, kind: 'trip', path, trip: by, degradedStatusCode, namesStatus, tripsAgain: false };
}

/** `connectionSettings` of the scenario's UpstreamTrafficSetting. */
function connectionSettings(scenario: Scenario, scale: Scale): Record<string, unknown> {
  if (scenario.kind === 'limits') return { tcp: { maxConnections: 1 }, http: { maxPendingRequests: 1, maxRequestsPerConnection: 1 } };
  const { statTimeWindow, minRequestAmount, degradedTimeWindow } = scale;
  const common = { statTimeWindow, minRequestAmount, ...thresholds(scenario, scale), degradedTimeWindow };
  const ownStatus = scenario.kind === 'quiet' || scenario.namesStatus ? { degradedStatusCode: OWN_STATUS } : {};
  return { http: { circuitBreaking: { ...common, ...ownStatus } } };
}

function thresholds(scenario: TripScenario | QuietScenario, { amountThreshold }: Scale): Record<string, unknown> {
  // Under its slow title, 7 repeats 3's policy: errors are counted, and there are none.
  if (scenario.kind === 'quiet') return { errorAmountThreshold: amountThreshold };
  const { counter, by } = scenario.trip;
  if (counter === 'errors') return by === 'amount' ? { errorAmountThreshold: amountThreshold } : { errorRatioThreshold: 0.1 };
  const slowTimeThreshold = '200ms';
  return by === 'amount' ? { slowTimeThreshold, slowAmountThreshold: amountThreshold } : { slowTimeThreshold, slowRatioThreshold: 0.1 };
}

/** What makes the scenario's policy, for the table. */
export function policyInWords(scenario: Scenario, scale: Scale): string {
  if (scenario.kind === 'limits') return 'maxConnections, maxPendingRequests, maxRequestsPerConnection: 1';
  const words = Object.entries(thresholds(scenario, scale)).map(([name, value]) => `${name}: ${String(value)}`);
  const status = scenario.kind === 'quiet' || scenario.namesStatus ? ` + ${OWN_STATUS}` : '';
  return `${words.join(', ')}${status}${scenario.kind === 'quiet' ? ' (7 as printed)' : ''}`;
}

export interface Place {
  readonly namespace: string;
  readonly host: string;
}

/** The UpstreamTrafficSetting as osm-edge's test prints it. */
export function policyDocument(scenario: Scenario, { namespace, host }: Place, scale: Scale): string {
  return stringify({
    apiVersion: 'policy.openservicemesh.io/v1alpha1',
    kind: 'UpstreamTrafficSetting',
    metadata: { name: 'http-circuit-breaking', namespace },
    spec: { host, connectionSettings: connectionSettings(scenario, scale) },
  });
}

/** The Upstream: where the host is. */
export function upstreamDocument({ namespace, host }: Place, target: string): string {
  return stringify({
    apiVersion: 'fuseboard.dev/v1',
    kind: 'Upstream',
    metadata: { name: 'fortio', namespace },
    spec: { host, targets: [target], port: 8080 },
  });
}

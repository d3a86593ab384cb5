/** The fleet as JSON and as the messages of fleet.proto, from the same. */
import { processJson, processMessage, type ProcessJson, type ProcessMessage } from '#wire';
import { invalid, type Refusal } from '../breaker-queries.ts';
import type { FleetList, FleetProcess, FleetQuery, FleetView } from './fleet-view.ts';

const LIMIT_DEFAULT = 300;
const LIMIT_MAX = 1_000;
const SEARCH_CHARS_MAX = 200;

/** @param limit 0: the default */
export function queryOf({ limit, search }: FleetQuery): FleetQuery | Refusal {
  if (!Number.isInteger(limit) || limit < 0 || limit > LIMIT_MAX) return invalid('limit', String(limit), `1 to ${LIMIT_MAX}, or 0 for ${LIMIT_DEFAULT}`);
  if (search.length > SEARCH_CHARS_MAX) return invalid('search', `${search.length} characters`, `at most ${SEARCH_CHARS_MAX}`);
  return { limit: limit === 0 ? LIMIT_DEFAULT : limit, search };
}

export function fleetJson(view: FleetView, query: FleetQuery): Record<string, unknown> {
  const { processes, summary, owners } = view.list(query);
  return { ...readJson(view), summary, owners, processes: processes.map((each) => ({ ...withLags(processJson(each.heartbeat), each), silent: each.isSilent })) };
}

/** Without the processes, and with whose callers are refused. */
export function summaryJson(view: FleetView): Record<string, unknown> {
  const { summary } = view.list({ limit: 0, search: '' });
  return { ...readJson(view), summary, hits: view.hits() };
}

export function fleetMessage({ processes, summary }: Pick<FleetList, 'processes' | 'summary'>): object {
  return { processes: processes.map((each) => withLags(processMessage(each.heartbeat), each)), summary };
}

function readJson({ ageMs, problem }: FleetView): Record<string, unknown> {
  return { age_ms: ageMs === undefined ? undefined : Math.round(ageMs), problem };
}

function withLags(body: ProcessJson | ProcessMessage, { ageMs, lags }: FleetProcess): object {
  const ingest = body.ingest && { ...body.ingest, partitions: body.ingest.partitions.map((each) => ({ ...each, ...(lags.has(each.partition) && { lag: lags.get(each.partition) }) })) };
  return { ...body, age_ms: Math.round(ageMs), ...(ingest && { ingest }) };
}

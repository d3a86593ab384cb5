/**
 * What asking costs a call: the state cache's decision against a call through cockatiel's and opossum's breakers around
 * the same no-op, all of them closed; and open with a lease that runs, which needs the clocks. Goal: 100 ns at most and
 * no allocation, so the heap's growth over the run is measured too.
 */
import { ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel';
import CircuitBreaker from 'opossum';
import type { Document, Snapshot } from '#engine';
import { CallGate, StateCache } from '#engine';
import { GuardedCall, guard } from '../libs/client/src/guard.ts';
import { POLICY } from './fold.ts';

const CALLS = 200_000;
const ROUNDS = 15;

interface Row {
  readonly name: string;
  readonly nsPerCall: number;
  readonly bytesPerCall: number;
}

export async function run(): Promise<Row[]> {
  const closed = cacheWith('closed');
  const open = cacheWith('open');
  const cockatiel = circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) });
  const opossum = new CircuitBreaker(async () => noop(), { timeout: false });
  const subjects: [string, (calls: number) => Promise<void>][] = [
    ['fuseboard, closed', async (calls) => decideAll(closed, calls)],
    ['fuseboard, open, lease running', async (calls) => decideAll(open, calls)],
    ['fuseboard, of which nothing is known', async (calls) => decideAll(closed, calls, `other.${POLICY.upstream}`)],
    ['the client’s guard, closed, reported', guardAll()],
    ['cockatiel, closed', async (calls) => {
      for (let n = 0; n < calls; n++) await cockatiel.execute(noop);
    }],
    ['opossum, closed', async (calls) => {
      for (let n = 0; n < calls; n++) await opossum.fire();
    }],
    ['an await alone', async (calls) => {
      for (let n = 0; n < calls; n++) await Promise.resolve(noop());
    }],
  ];
  const rows = new Map<string, Row>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, subject] of subjects) keepBest(rows, { name, ...(await once(subject)) });
  }
  opossum.shutdown();
  const base = rows.get('fuseboard, closed')?.nsPerCall ?? Number.NaN;
  console.table([...rows.values()].map(({ name, nsPerCall, bytesPerCall }) => ({
    'a decision by': name,
    ns: Number(nsPerCall.toFixed(1)),
    '× fuseboard, closed': Number((nsPerCall / base).toFixed(1)),
    'heap bytes a call': Number(bytesPerCall.toFixed(1)),
  })));
  return [...rows.values()];
}

let admitted = 0;

function decideAll(cache: StateCache, calls: number, upstream = POLICY.upstream): void {
  for (let n = 0; n < calls; n++) {
    if (cache.decide(upstream).kind === 'admit') admitted += noop();
  }
}

/** As `Fuseboard.guard` does, but for the log, which takes everything at once. */
function guardAll(): (calls: number) => Promise<void> {
  const clocks = { wallMs: Date.now, monotonicMs: () => performance.now() };
  const gate = new CallGate({ append: async () => [] }, { clocks, partitions: 1, partitionOf: () => 0, stateMaxAgeMs: 5_000, reporter: 'bench', idPrefix: '' });
  tell(gate.cache, 'closed');
  const port = { decide: (upstream: string) => gate.decide(upstream), take: gate.report.bind(gate), refuseOutcome: () => {}, nowMs: () => gate.clock.nowMs(), monotonicMs: clocks.monotonicMs };
  return async (calls) => {
    for (let n = 0; n < calls; n++) await guard(GuardedCall.begin(port, POLICY.upstream), noop);
  };
}

function noop(): number {
  return 1;
}

async function once(subject: (calls: number) => Promise<void>): Promise<Omit<Row, 'name'>> {
  const before = process.memoryUsage().heapUsed;
  const startNs = process.hrtime.bigint();
  await subject(CALLS);
  const nsPerCall = Number(process.hrtime.bigint() - startNs) / CALLS;
  return { nsPerCall, bytesPerCall: Math.max(0, process.memoryUsage().heapUsed - before) / CALLS };
}

/** The quickest round; and the most that a round allocated, since a collection in between hides some. */
function keepBest(rows: Map<string, Row>, row: Row): void {
  const before = rows.get(row.name);
  rows.set(row.name, {
    name: row.name,
    nsPerCall: Math.min(row.nsPerCall, before?.nsPerCall ?? Infinity),
    bytesPerCall: Math.max(row.bytesPerCall, before?.bytesPerCall ?? 0),
  });
}

function cacheWith(state: 'open' | 'closed'): StateCache {
  const cache = new StateCache({ nowMs: Date.now, monotonicMs: () => performance.now(), partitions: 1, partitionOf: () => 0, stateMaxAgeMs: 5_000 });
  tell(cache, state);
  return cache;
}

function tell(cache: StateCache, state: 'open' | 'closed'): void {
  const document = { kind: 'UpstreamTrafficSetting', upstream: POLICY.upstream, breaker: POLICY } as unknown as Document;
  cache.applyDocuments({ control: 0, documents: [document] });
  const sinceMs = Date.now();
  const snapshot: Snapshot = {
    upstream: POLICY.upstream,
    incarnation: 1,
    next: 1,
    generation: 1,
    state,
    admit: state === 'open' ? 0 : 1,
    sinceMs,
    ...(state === 'open' ? { untilMs: sinceMs + 3_600_000 } : {}),
    window: { total: 0, errors: 0, slow: 0 },
    policy: POLICY.identity,
  };
  cache.applyStates({ partition: 0, meta: { incarnation: 1, next: 1, clockMs: sinceMs, control: 0, sequence: 1 }, snapshots: [snapshot] });
}

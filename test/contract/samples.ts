/** Things to append and commit, made up from a few numbers. */
import type {
  Commit,
  ControlChange,
  ControlDraft,
  Document,
  DocumentKey,
  OutboxEntry,
  Outcome,
  RememberedId,
  Snapshot,
  Transition,
} from '#engine';
import { readDocument } from '#wire';

export const UPSTREAM = 'a.test';

export function outcome(n: number, fields: Partial<Outcome> = {}): Outcome {
  return { upstream: UPSTREAM, atMs: 1_790_000_000_000 + n, reporter: 'r', id: `id-${n}`, result: { kind: 'status', code: 200 }, count: 1, ...fields };
}

export function outcomes(from: number, to: number): Outcome[] {
  return Array.from({ length: to - from }, (_, index) => outcome(from + index));
}

/** Version (1, next) of an upstream; even generations are open. */
export function snapshot(upstream: string, next: number, fields: Partial<Snapshot> = {}): Snapshot {
  const isOpen = next % 2 === 0;
  return {
    upstream,
    incarnation: 1,
    next,
    generation: next,
    state: isOpen ? 'open' : 'closed',
    admit: isOpen ? 0 : 1,
    sinceMs: 1_790_000_000_000 + next,
    ...(isOpen ? { untilMs: 1_790_000_030_000 + next } : {}),
    window: isOpen ? { total: 0, errors: 0, slow: 0 } : { startedAtMs: 1_790_000_000_001, total: next, errors: 1, slow: 0 },
    policy: { name: 'p', namespace: 'default', version: '0123456789ab' },
    ...fields,
  };
}

export function transition(upstream: string, generation: number, fields: Partial<Transition> = {}): Transition {
  const isTrip = generation % 2 === 0;
  return {
    upstream,
    incarnation: 1,
    generation,
    from: isTrip ? 'closed' : 'open',
    to: isTrip ? 'open' : 'closed',
    atMs: 1_790_000_000_000 + generation,
    reason: isTrip ? 'errors 5 of 5' : 'time is up',
    cause: isTrip ? { kind: 'outcome', partition: 0, offset: generation, id: 'r/x' } : { kind: 'deadline' },
    window: { startedAtMs: 1_790_000_000_000, total: 9, errors: 5, slow: 1 },
    policy: { name: 'p', namespace: 'default', version: '0123456789ab' },
    ...(isTrip ? { openUntilMs: 1_790_000_030_000 } : {}),
    ...fields,
  };
}

export function entry(offset: number, generation = offset, fields: Partial<Transition> = {}): OutboxEntry {
  return { offset, transition: transition(UPSTREAM, generation, fields) };
}

export function ids(from: number, to: number): RememberedId[] {
  // Spread over all 64 bits, the highest included.
  return Array.from({ length: to - from }, (_, index) => ({ offset: from + index, hash: BigInt.asUintN(64, BigInt(from + index + 1) * 0x9e3779b97f4a7c15n) }));
}

/** A commit of group `ingest` that moves `expected` to `next` and brings one snapshot of version (1, next). */
export function commit(expected: number | null, next: number, fields: Partial<Commit> = {}): Commit {
  const incarnation = fields.incarnation ?? 1;
  return {
    partition: 0,
    group: 'ingest',
    epoch: 1,
    incarnation,
    commitId: `${incarnation}:${expected}-${next}`,
    expected,
    next,
    clockMs: 1_790_000_000_000 + next,
    control: 3,
    snapshots: [snapshot(UPSTREAM, next, { incarnation })],
    outbox: [],
    ids: [],
    ...fields,
  };
}

export function draft(change: ControlChange, fields: Partial<ControlDraft> = {}): ControlDraft {
  return { author: 'ann', reason: 'because', source: 'api', change, ...fields };
}

export function setting(name: string, host: string, errorAmountThreshold = 10): Document {
  return documentOf({
    apiVersion: 'policy.openservicemesh.io/v1alpha1',
    kind: 'UpstreamTrafficSetting',
    metadata: { name, namespace: 'shop' },
    spec: {
      host,
      connectionSettings: { tcp: { maxConnections: 9 }, http: { maxRetries: 3, circuitBreaking: { errorAmountThreshold } } },
      rateLimit: { local: { tcp: { connections: 5, unit: 'second' }, http: { requests: 7, unit: 'minute', burst: 2, responseHeadersToAdd: [{ name: 'a', value: 'b' }] } } },
      httpRoutes: [{ path: '/buy.*', rateLimit: { local: { requests: 1, unit: 'hour', responseStatusCode: 503 } } }],
    },
  });
}

export function location(name: string, host: string, port = 80): Document {
  const calls = { retries: { attempts: 2, on: ['refused', 503] }, timeouts: { response: '2s', idle: '5s' }, tls: { ca: '/etc/ca.pem' } };
  return documentOf({ apiVersion: 'fuseboard.dev/v1', kind: 'Upstream', metadata: { name, namespace: 'shop' }, spec: { host, port, protocol: 'h2c', ...calls } });
}

export function keyOf({ kind, namespace, name }: DocumentKey): DocumentKey {
  return { kind, namespace, name };
}

function documentOf(body: unknown): Document {
  const reading = readDocument(body);
  if ('problems' in reading) throw new Error(JSON.stringify(reading.problems));
  return reading.document;
}

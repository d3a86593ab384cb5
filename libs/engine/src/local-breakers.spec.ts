import { beforeEach, describe, expect, test } from 'vitest';
import type { Admit, Call, Decision, Document, DocumentSet, Policy, Snapshot, StateUpdate } from '#engine';
import { StateCache } from '#engine';
import { POLICY as SAMPLE } from '../../../test/support/sample-policy.ts';

const POLICY: Policy = { ...SAMPLE, errorAmountThreshold: 3, slowAmountThreshold: 3 };
const setting = (upstream: string, over: Partial<Policy> = {}, version = 'v1'): Document => {
  const breaker = { ...POLICY, ...over, upstream, identity: { ...POLICY.identity, version } };
  return { kind: 'UpstreamTrafficSetting', namespace: 'n', name: upstream, version, upstream, breaker, body: {} } as unknown as Document;
};
const heldBack = (upstream: string): Document => {
  const { breaker, ...whole } = setting(upstream, {}, 'v2') as Document & { breaker: Policy };
  return { ...whole, breaker: { ...breaker, identity: { ...breaker.identity, enforced: false } } } as unknown as Document;
};
const documents = (control: number, ...of: Document[]): DocumentSet => ({ control, documents: of });
const META = { incarnation: 1, next: 100, clockMs: 1_000_000, control: 0, sequence: 1 };
const closed = (over: Partial<Snapshot> = {}): Snapshot => ({
  upstream: 'a', incarnation: 1, next: 10, generation: 4, state: 'closed', admit: 1, sinceMs: 1_000_000,
  window: { total: 0, errors: 0, slow: 0 }, policy: POLICY.identity, ...over,
});
const told = (...snapshots: Snapshot[]): StateUpdate => ({ partition: 0, meta: META, snapshots });
const ERROR = { kind: 'status', code: 500 } as const;
const GOOD = { kind: 'status', code: 200 } as const;

describe('V4: a proxy that judges its own calls', () => {
  let nowMs: number;
  let monotonicMs: number;
  let cache: StateCache;
  beforeEach(() => {
    nowMs = 1_000_000;
    monotonicMs = 5_000;
    // Upstreams `a…` are in partition 0, all others in 1.
    const partitionOf = (upstream: string): number => (upstream.startsWith('a') ? 0 : 1);
    cache = new StateCache({ nowMs: () => nowMs, monotonicMs: () => monotonicMs, partitions: 2, partitionOf, stateMaxAgeMs: 5_000 });
    cache.applyDocuments(documents(0, setting('a'), setting('b')));
  });

  const pass = (ms: number): void => {
    nowMs += ms;
    monotonicMs += ms;
    cache.pulse();
  };
  /** Both partitions are heard of. */
  const hear = (...snapshots: Snapshot[]): void => {
    cache.applyStates(told(...snapshots));
    cache.applyStates({ ...told(), partition: 1 });
  };
  const letThrough = (upstream = 'a'): Admit => {
    const decision: Decision = cache.decide(upstream);
    if (decision.kind === 'refuse') throw new Error(`${upstream} is refused`);
    return decision;
  };
  const end = (decision: Admit, over: Partial<Call> = {}): void => {
    const { admitted, local } = decision;
    cache.judge({ upstream: 'a', result: ERROR, durationMs: 5, ...(admitted && { admitted }), ...(local && { local }), ...over });
  };
  const fail = (times: number, upstream = 'a'): void => {
    for (let n = 0; n < times; n++) end(letThrough(upstream), { upstream });
  };

  test('C4: refuses nothing where the policy isn’t enforced, also from within an opening', () => {
    fail(3);
    expect(cache.decide('a').kind).toBe('refuse');
    cache.applyDocuments(documents(1, heldBack('a'), heldBack('b')));
    expect(cache.decide('a').kind).toBe('admit');
    fail(10, 'b');
    expect(cache.decide('b').kind).toBe('admit');
    expect(cache.openLocally).toBe(0);
  });

  test('trips at its policy’s threshold though nothing is known, refuses with the policy’s answer until the degraded window ends, and says when', () => {
    fail(2);
    expect(cache.decide('a').kind).toBe('admit');
    fail(1);
    expect(cache.decide('a')).toEqual({ kind: 'refuse', degraded: POLICY.degraded, untilMs: 1_010_000 });
    expect(cache.openLocally).toBe(1);
    pass(9_999);
    expect(cache.decide('a').kind).toBe('refuse');
    pass(1);
    expect(cache.decide('a').kind).toBe('admit');
    expect(cache.openLocally).toBe(0);
    fail(3);
    expect(cache.decide('a').kind).toBe('refuse');
  });

  test('counts by the fold’s rules: windows end, good calls trip nothing, slow ones do', () => {
    fail(2);
    pass(30_000);
    fail(2);
    expect(cache.decide('a').kind).toBe('admit');
    for (let n = 0; n < 10; n++) end(letThrough(), { result: GOOD });
    expect(cache.decide('a').kind).toBe('admit');
    for (let n = 0; n < 3; n++) end(letThrough(), { result: GOOD, durationMs: 200 });
    expect(cache.decide('a').kind).toBe('refuse');
  });

  test('G2: drops what was let through before it opened, also once that opening is over', () => {
    const inFlight = [letThrough(), letThrough(), letThrough()];
    fail(3);
    pass(10_000);
    for (const decision of inFlight) end(decision);
    expect(cache.decide('a').kind).toBe('admit');
  });

  test('G3: stamps nothing while no state is known, and the last known generation while it is old', () => {
    expect(letThrough()).not.toHaveProperty('admitted');
    hear(closed());
    pass(5_001);
    fail(3);
    pass(10_000);
    expect(letThrough().admitted).toEqual({ incarnation: 1, generation: 4 });
  });

  test('L4: knows what is slow though no state is known', () => {
    expect(letThrough().slowTimeThresholdMs).toBe(200);
  });

  test('begins when the state is older than allowed, with an empty window, and not before', () => {
    hear(closed());
    pass(5_000);
    expect(letThrough()).not.toHaveProperty('local');
    const early = letThrough();
    fail(2);
    pass(1);
    end(early);
    fail(2);
    expect(cache.decide('a').kind).toBe('admit');
    fail(1);
    expect(cache.decide('a').kind).toBe('refuse');
  });

  test('does not judge ratios while the shared state is known, however many calls fail', () => {
    const ratio = { errorAmountThreshold: 0, slowAmountThreshold: 0, errorRatioThreshold: 0.1, minRequestAmount: 1 };
    cache.applyDocuments(documents(1, setting('a', ratio), setting('b')));
    hear(closed());
    fail(10);
    expect(cache.decide('a').kind).toBe('admit');
    expect(cache.judgedLocally).toBe(0);
  });

  test('gives way at once to the shared state when that is known again, and begins anew the next time', () => {
    hear(closed());
    pass(5_001);
    fail(3);
    const late = cache.decide('b') as Admit;
    cache.applyStates(told());
    expect(cache.decide('a')).toMatchObject({ kind: 'admit', admitted: { generation: 4 } });
    expect(cache.decide('a')).not.toHaveProperty('local');
    end(late);
    pass(5_001);
    fail(2);
    expect(cache.decide('a').kind).toBe('admit');
    expect(cache.openLocally).toBe(0);
  });

  test('T4: what is known to be open stays open until its lease ends, whatever is judged meanwhile', () => {
    hear(closed({ next: 20, generation: 5, state: 'open', admit: 0, untilMs: 1_020_000 }));
    pass(6_000);
    expect(cache.decide('a')).toMatchObject({ kind: 'refuse', untilMs: 1_020_000 });
    pass(13_999);
    expect(cache.decide('a').kind).toBe('refuse');
    pass(1);
    expect(letThrough().admitted).toEqual({ incarnation: 1, generation: 6 });
    fail(3);
    expect(cache.decide('a')).toMatchObject({ kind: 'refuse', untilMs: 1_030_000 });
  });

  test('a store that is being restored is judged for, and its states take over when it is whole', () => {
    hear(closed());
    cache.applyStates({ partition: 0, meta: { ...META, restoringTo: 200 }, snapshots: [] });
    fail(3);
    expect(cache.decide('a').kind).toBe('refuse');
    cache.applyStates(told(closed({ next: 11 })));
    expect(cache.decide('a').kind).toBe('admit');
  });

  test('each partition is judged by itself', () => {
    cache.applyStates({ ...told(), partition: 1 });
    fail(3);
    fail(3, 'b');
    expect([cache.decide('a').kind, cache.decide('b').kind]).toEqual(['refuse', 'admit']);
    expect([cache.judgedLocally, cache.openLocally]).toEqual([1, 1]);
  });

  test('an upstream without a policy is never judged', () => {
    expect(cache.decide('unpoliced')).toEqual({ kind: 'admit' });
    cache.applyDocuments(documents(1, setting('b')));
    expect(cache.decide('a')).toEqual({ kind: 'admit' });
  });

  test('C3: policies that change, move, go and come meanwhile are judged by as everywhere', () => {
    fail(2);
    cache.applyDocuments(documents(1, setting('a', { errorAmountThreshold: 4 }, 'v2'), setting('b')));
    fail(1);
    expect(cache.decide('a').kind).toBe('admit');
    fail(1);
    expect(cache.decide('a').kind).toBe('refuse');
    cache.applyDocuments(documents(2, setting('b')));
    expect(cache.decide('a').kind).toBe('admit');
    cache.applyDocuments(documents(3, { ...setting('a'), name: 'other' }, setting('b')));
    fail(2);
    expect(cache.decide('a').kind).toBe('admit');
    fail(1);
    expect(cache.decide('a').kind).toBe('refuse');
  });

  test('V5: a decision is made ahead here too: asking twice gives the same object', () => {
    expect(cache.decide('a')).toBe(cache.decide('a'));
    fail(3);
    expect(cache.decide('a')).toBe(cache.decide('a'));
  });
});

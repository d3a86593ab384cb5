import { beforeEach, describe, expect, test } from 'vitest';
import type { Document, Snapshot, StateUpdate } from '#engine';
import { StateCache } from '#engine';
import { POLICY } from '../../../test/support/sample-policy.ts';

const DOCUMENT = { kind: 'UpstreamTrafficSetting', namespace: 'n', name: 'p', version: 'v1', upstream: 'a', breaker: POLICY, body: {} } as unknown as Document;
const META = { incarnation: 1, next: 100, clockMs: 1_000_000, control: 0, sequence: 1 };

const closed = (over: Partial<Snapshot> = {}): Snapshot => ({
  upstream: 'a', incarnation: 1, next: 10, generation: 1, state: 'closed', admit: 1, sinceMs: 1_000_000,
  window: { total: 0, errors: 0, slow: 0 }, policy: POLICY.identity, ...over,
});
const open = (over: Partial<Snapshot> = {}): Snapshot =>
  closed({ next: 20, generation: 2, state: 'open', admit: 0, sinceMs: 1_000_000, untilMs: 1_010_000, ...over });
const told = (...snapshots: Snapshot[]): StateUpdate => ({ partition: 0, meta: META, snapshots });

describe('the proxy’s state cache', () => {
  let nowMs: number;
  let monotonicMs: number;
  let cache: StateCache;
  const newCache = (partitions = 1): StateCache =>
    new StateCache({ nowMs: () => nowMs, monotonicMs: () => monotonicMs, partitions, partitionOf: () => 0, stateMaxAgeMs: 5_000 });
  beforeEach(() => {
    nowMs = 1_000_000;
    monotonicMs = 5_000;
    cache = newCache();
    cache.applyDocuments({ control: 0, documents: [DOCUMENT] });
  });

  const pass = (ms: number): void => {
    nowMs += ms;
    monotonicMs += ms;
  };

  test('G3: an upstream without state is admitted and stamped with nothing', () => {
    expect(cache.decide('nobody')).toEqual({ kind: 'admit' });
  });

  test('V5: closed admits and stamps the generation; open refuses with the policy’s answer', () => {
    cache.applyStates(told(closed()));
    expect(cache.decide('a')).toEqual({ kind: 'admit', admitted: { incarnation: 1, generation: 1 }, slowTimeThresholdMs: 200 });
    cache.applyStates(told(open()));
    expect(cache.decide('a')).toEqual({ kind: 'refuse', degraded: { statusCode: 520, content: 'later' }, untilMs: 1_010_000 });
  });

  test('what a decision was made on can be asked: by whom, the state, its generation, and the policy', () => {
    const ground = (upstream = 'a') => cache.groundOf(upstream, cache.decide(upstream));
    expect(ground('nobody')).toEqual({ state: 'unknown', judgedBy: 'nobody' });
    expect(ground()).toEqual({ state: 'closed', judgedBy: 'proxy', generation: 1, policy: 'n/p' });
    cache.applyStates(told());
    expect(ground()).toEqual({ state: 'unknown', judgedBy: 'nobody', policy: 'n/p' });
    cache.applyStates(told(closed()));
    expect(ground()).toEqual({ state: 'closed', judgedBy: 'fleet', generation: 1, policy: 'n/p' });
    cache.applyStates(told(open()));
    expect(ground()).toEqual({ state: 'open', judgedBy: 'fleet', generation: 2, policy: 'n/p' });
    pass(10_000);
    expect(ground()).toEqual({ state: 'closed', judgedBy: 'fleet', generation: 3, policy: 'n/p' });
  });

  test('C4: of a policy that is not enforced the ground says open, while calls pass', () => {
    cache.applyStates(told(open({ admit: 1 })));
    const decision = cache.decide('a');
    expect([decision.kind, cache.groundOf('a', decision).state]).toEqual(['admit', 'open']);
  });

  test('V5: a decision is made ahead: asking twice gives the same object', () => {
    cache.applyStates(told(open()));
    expect(cache.decide('a')).toBe(cache.decide('a'));
  });

  test('T4, G3: from `until` on the lease is over without a message, and calls are stamped one generation higher', () => {
    cache.applyStates(told(open()));
    pass(9_999);
    expect(cache.decide('a').kind).toBe('refuse');
    pass(1);
    expect(cache.decide('a')).toMatchObject({ kind: 'admit', admitted: { incarnation: 1, generation: 3 } });
  });

  test('T4: no trip refuses for longer than its own length after it was first seen, whatever the wall clock says', () => {
    cache.applyStates(told(open()));
    nowMs = 900_000;
    monotonicMs += 9_999;
    expect(cache.decide('a').kind).toBe('refuse');
    monotonicMs += 1;
    expect(cache.decide('a').kind).toBe('admit');
  });

  test('T2, T4: a corrected wall clock moves the end of a lease with the next update', () => {
    cache.applyStates(told(open()));
    nowMs += 10_000;
    expect(cache.decide('a').kind).toBe('refuse');
    cache.applyStates(told());
    expect(cache.decide('a').kind).toBe('admit');
  });

  test('T4: news of the same generation does not begin its time anew', () => {
    cache.applyStates(told(open()));
    monotonicMs += 9_000;
    cache.applyStates(told(open({ next: 21 })));
    monotonicMs += 1_000;
    expect(cache.decide('a').kind).toBe('admit');
  });

  test('V1: an older version, or the same, changes nothing', () => {
    cache.applyStates(told(open()));
    cache.applyStates(told(closed({ next: 19 })));
    cache.applyStates(told(closed({ next: 20 })));
    expect(cache.decide('a').kind).toBe('refuse');
  });

  test('V1: a higher incarnation is newer, however low its offset', () => {
    cache.applyStates(told(open()));
    cache.applyStates(told(closed({ incarnation: 2, next: 1 })));
    expect(cache.decide('a').kind).toBe('admit');
  });

  test('C3: an open state whose document is gone refuses nobody', () => {
    cache.applyStates(told(open()));
    cache.applyDocuments({ control: 1, documents: [] });
    expect(cache.decide('a').kind).toBe('admit');
  });

  test('a changed degraded answer holds for the trip that runs', () => {
    cache.applyStates(told(open()));
    const changed = { ...DOCUMENT, breaker: { ...POLICY, degraded: { statusCode: 503, content: 'soon' } } } as Document;
    cache.applyDocuments({ control: 1, documents: [changed] });
    expect(cache.decide('a')).toMatchObject({ degraded: { statusCode: 503, content: 'soon' } });
  });

  test('V2: older documents than those here are passed over', () => {
    cache.applyStates(told(open()));
    cache.applyDocuments({ control: 5, documents: [DOCUMENT] });
    cache.applyDocuments({ control: 4, documents: [] });
    expect(cache.decide('a').kind).toBe('refuse');
  });

  test('V2: documents of another control log replace those here, however low their offset', () => {
    cache.applyStates(told(open()));
    cache.applyDocuments({ identity: 'one', control: 5, documents: [DOCUMENT] });
    cache.applyDocuments({ identity: 'other', control: 0, documents: [] });
    expect(cache.decide('a').kind).toBe('admit');
  });

  test('V4: the shared state alone decides once every partition is known and whole', () => {
    const fresh = newCache(2);
    expect(fresh.judgedLocally).toBe(2);
    fresh.applyStates({ partition: 0, snapshots: [] });
    fresh.applyStates({ partition: 1, meta: { ...META, restoringTo: 200 }, snapshots: [] });
    expect(fresh.judgedLocally).toBe(2);
    fresh.applyStates(told());
    expect(fresh.judgedLocally).toBe(1);
    fresh.applyStates({ ...told(), partition: 1 });
    expect(fresh.judgedLocally).toBe(0);
  });

  test('V4: the states of a store that is being restored are unknown until it is whole', () => {
    const restoring = { ...META, restoringTo: 200 };
    cache.applyStates({ partition: 0, meta: restoring, snapshots: [open({ next: 5 })] });
    expect(cache.decide('a')).toMatchObject({ kind: 'admit' });
    expect(cache.decide('a')).not.toHaveProperty('admitted');
    cache.applyStates({ partition: 0, meta: restoring, snapshots: [open()] });
    cache.applyStates({ partition: 0, meta: restoring, snapshots: [closed({ next: 12 })] });
    cache.applyStates({ partition: 0, meta: META, snapshots: [] });
    expect(cache.decide('a').kind).toBe('refuse');
  });

  test('V4: a store that lost everything does not close what is known to be open', () => {
    cache.applyStates(told(open()));
    cache.applyStates({ partition: 0, snapshots: [] });
    cache.applyStates({ partition: 0, meta: { ...META, restoringTo: 200 }, snapshots: [closed({ next: 3 })] });
    expect(cache.decide('a').kind).toBe('refuse');
  });

  test('V4: a word that others passed on counts from when the store said it: an older one changes neither age nor what is known', () => {
    cache.applyStates({ ...told(open()), heardMonotonicMs: monotonicMs - 1_000 });
    expect([cache.stateAgeMs, cache.judgedLocally]).toEqual([1_000, 0]);
    cache.applyStates({ partition: 0, snapshots: [], heardMonotonicMs: monotonicMs - 60_000 });
    expect([cache.stateAgeMs, cache.judgedLocally]).toEqual([1_000, 0]);
    pass(4_001);
    cache.pulse();
    expect(cache.judgedLocally).toBe(1);
    const late = newCache();
    late.applyStates({ ...told(open()), heardMonotonicMs: monotonicMs - 5_001 });
    expect([late.judgedLocally, late.decide('a').kind]).toEqual([1, 'refuse']);
  });

  test('the state’s age is that of the partition heard of longest ago', () => {
    const both = newCache(2);
    both.applyStates(told());
    expect(both.stateAgeMs).toBe(Infinity);
    monotonicMs += 300;
    both.applyStates({ ...told(), partition: 1 });
    monotonicMs += 200;
    expect(both.stateAgeMs).toBe(500);
  });

  describe('of upstreams that are decided alike', () => {
    const policyOf = (upstream: string, slowTimeThresholdMs = 200): Document =>
      ({ ...DOCUMENT, name: upstream, upstream, breaker: { ...POLICY, upstream, slowTimeThresholdMs } }) as Document;
    const LIKE_A = { kind: 'admit', admitted: { incarnation: 1, generation: 1 }, slowTimeThresholdMs: 200 };
    beforeEach(() => {
      cache.applyDocuments({ control: 1, documents: ['a', 'b', 'c'].map((upstream) => policyOf(upstream)) });
      cache.applyStates(told(closed(), closed({ upstream: 'b' }), closed({ upstream: 'c' })));
    });

    test('V5: each has the one decision there is', () => {
      expect(cache.decide('a')).toEqual(LIKE_A);
      expect([cache.decide('b'), cache.decide('c')].every((decision) => decision === cache.decide('a'))).toBe(true);
    });

    test('a policy that changes changes its own decision, and one that is deleted leaves no threshold (C3)', () => {
      cache.applyDocuments({ control: 2, documents: [policyOf('a'), policyOf('b', 300)] });
      expect(['a', 'b', 'c'].map((upstream) => cache.decide(upstream))).toEqual([LIKE_A, { ...LIKE_A, slowTimeThresholdMs: 300 }, { kind: 'admit', admitted: LIKE_A.admitted }]);
      expect(cache.groundOf('c', cache.decide('c'))).not.toHaveProperty('policy');
      cache.applyDocuments({ control: 3, documents: [policyOf('c'), policyOf('b')] });
      expect(['b', 'c'].map((upstream) => cache.decide(upstream))).toEqual([LIKE_A, LIKE_A]);
      expect(cache.decide('a')).not.toHaveProperty('slowTimeThresholdMs');
    });

    test('V4: all are judged here once their partition is old, and none when it is heard of again', () => {
      pass(5_001);
      cache.pulse();
      const alone = ['a', 'b', 'c'].map((upstream) => cache.decide(upstream));
      expect(alone.every((decision) => decision.kind === 'admit' && decision.local !== undefined)).toBe(true);
      cache.applyStates(told());
      expect(['a', 'b', 'c'].map((upstream) => cache.decide(upstream))).toEqual([LIKE_A, LIKE_A, LIKE_A]);
    });

    test('T4: one that opens refuses alone, and is as the others again but for its generation when it has closed', () => {
      cache.applyStates(told(open({ upstream: 'b' })));
      expect(['a', 'b', 'c'].map((upstream) => cache.decide(upstream).kind)).toEqual(['admit', 'refuse', 'admit']);
      cache.applyStates(told(closed({ upstream: 'b', next: 30, generation: 3 })));
      pass(60_000);
      expect(cache.decide('b')).toEqual({ ...LIKE_A, admitted: { incarnation: 1, generation: 3 } });
    });

    test('what is forgotten is judged no more, and begins anew with its document (V4)', () => {
      const fresh = newCache();
      fresh.applyDocuments({ control: 1, documents: [policyOf('a'), policyOf('b')] });
      fresh.applyDocuments({ control: 2, documents: [policyOf('b')] });
      const fail = (upstream: string): void => {
        const decision = fresh.decide(upstream);
        if (decision.kind === 'admit') fresh.judge({ upstream, result: { kind: 'status', code: 500 }, ...(decision.local && { local: decision.local }) });
      };
      for (let n = 0; n < 10; n++) ['a', 'b'].forEach(fail);
      expect(['a', 'b'].map((upstream) => fresh.decide(upstream).kind)).toEqual(['admit', 'refuse']);
      fresh.applyDocuments({ control: 3, documents: [policyOf('a')] });
      for (let n = 0; n < 10; n++) fail('a');
      expect(['a', 'b'].map((upstream) => fresh.decide(upstream).kind)).toEqual(['refuse', 'admit']);
    });
  });
});

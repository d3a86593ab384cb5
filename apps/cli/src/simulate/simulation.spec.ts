/** The simulation against the rules recomputed naively (test/support/naive-fold.ts), over random calls. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ControlRecord, Document, Outcome, Policy, Result, Transition } from '#engine';
import { NaiveFold } from '../../../../test/support/naive-fold.ts';
import { isFailed } from '../../../../test/support/naive-breaker.ts';
import type { PolicyResult } from './policy-run.ts';
import { Simulation } from './simulation.ts';

const UPSTREAMS = ['a.test', 'b.test'];
const START_MS = 1_790_000_000_000;

function policyOf(upstream: string, over: Partial<Policy>): Policy {
  return {
    identity: { name: upstream, namespace: 'n', version: 'v' },
    upstream,
    statTimeWindowMs: 10_000,
    minRequestAmount: 4,
    errorAmountThreshold: 0,
    errorRatioThreshold: 0,
    slowTimeThresholdMs: 200,
    slowAmountThreshold: 0,
    slowRatioThreshold: 0,
    degradedTimeWindowMs: 3_000,
    degraded: { statusCode: 409, content: '' },
    ...over,
  };
}

/** With nothing but what a fold asks for. */
function named(policy: Policy) {
  const document = { kind: 'UpstreamTrafficSetting', ...policy.identity, upstream: policy.upstream, breaker: policy } as unknown as Document;
  return { name: policy.upstream, policy, document };
}

interface Recorded {
  readonly outcome: Outcome;
  readonly offset: number;
  readonly appendMs: number;
}

const RESULTS: readonly Result[] = [{ kind: 'ok' }, { kind: 'status', code: 200 }, { kind: 'status', code: 503 }, { kind: 'failure', failure: 'reset' }, { kind: 'grpc', code: 14 }];

const policies = fc.record({
  errorAmountThreshold: fc.constantFrom(2, 3, 0),
  errorRatioThreshold: fc.constantFrom(0, 0.5),
  slowAmountThreshold: fc.constantFrom(0, 3),
  slowRatioThreshold: fc.constantFrom(0, 0.6),
  degradedTimeWindowMs: fc.constantFrom(1_000, 7_000, 20_000),
  statTimeWindowMs: fc.constantFrom(1_000, 10_000),
});

/** @param backMs how far a call's time may lie before that of the one before it */
function histories(backMs: number): fc.Arbitrary<Recorded[]> {
  const call = fc.record({
    later: fc.oneof(fc.integer({ min: -backMs, max: 400 }), fc.constantFrom(0, 999, 1_000, 3_000, 20_000)),
    upstream: fc.constantFrom(...UPSTREAMS, 'stranger.test'),
    result: fc.constantFrom(...RESULTS),
    durationMs: fc.constantFrom(undefined, 5, 199, 200, 900),
    count: fc.constantFrom(1, 1, 1, 3),
    gap: fc.constantFrom(1, 1, 4),
  });
  return fc.array(call, { maxLength: 120, size: 'max' }).map((calls) => {
    let [appendMs, offset] = [START_MS, 0];
    return calls.map(({ later, gap, durationMs, ...rest }) => {
      appendMs += later;
      offset += gap;
      return { offset, appendMs, outcome: { ...rest, atMs: appendMs, reporter: 'r', ...(durationMs !== undefined && { durationMs }) } };
    });
  });
}

function simulated(worlds: readonly (readonly Policy[])[], calls: readonly Recorded[], batchMax?: number): PolicyResult[] {
  const files = worlds.map((each, n) => ({ file: `${n}`, policies: each.map(named) }));
  const simulation = new Simulation(files, batchMax === undefined ? {} : { batchMax });
  for (const { outcome, offset, appendMs } of calls) simulation.take(outcome, offset, appendMs);
  return simulation.end();
}

/** The same calls one by one, then time enough for everything to be over. */
function naive(world: readonly Policy[], calls: readonly Recorded[]): NaiveFold {
  const mark = { control: world.length - 1, hash: 'h' };
  const control = (offset: number) => {
    const policy = world[offset];
    return policy && ({ offset, appendMs: 1, hash: 'h', change: { kind: 'apply', document: named(policy).document } } as unknown as ControlRecord);
  };
  const fold = new NaiveFold(control, { partition: 0, incarnation: 1, owns: () => true, lateAfterMs: 60_000, idsMax: 1 });
  fold.step({ offset: 0, appendMs: 1, entry: { kind: 'mark', mark } });
  for (const { outcome, offset, appendMs } of calls) fold.step({ offset, appendMs, entry: { kind: 'outcome', outcome } });
  fold.step({ offset: fold.next, appendMs: fold.clockMs + 1_000_000, entry: { kind: 'mark', mark } });
  return fold;
}

/** The naive fold has no words for its reasons; where a cause stands the engine's own tests compare. */
function withoutWords({ transition }: { readonly transition: Transition }): unknown {
  return { ...transition, reason: '', cause: transition.cause.kind };
}

function told(results: readonly PolicyResult[]): unknown[] {
  return results.flatMap(({ transitions }) => transitions.map(withoutWords));
}

function toldBy(fold: NaiveFold, world: readonly Policy[]): unknown[] {
  const of = (upstream: string) => fold.transitions.filter(({ transition }) => transition.upstream === upstream);
  return world.flatMap(({ upstream }) => of(upstream)).map(withoutWords);
}

/** From nothing but when it was open: what the ledger must hold. */
function naiveLedger(policy: Policy, fold: NaiveFold, calls: readonly Recorded[]): PolicyResult['ledger'] {
  const moves = fold.transitions.filter(({ transition }) => transition.upstream === policy.upstream);
  const spans = moves.flatMap(({ offset, transition: { to, atMs } }, n) => (to === 'open' ? [{ offset, sinceMs: atMs, untilMs: moves[n + 1]!.transition.atMs }] : []));
  const mine = calls.filter(({ outcome }) => outcome.upstream === policy.upstream);
  const refused = mine.filter(({ offset, appendMs }) => spans.some((span) => offset > span.offset && appendMs >= span.sinceMs && appendMs < span.untilMs));
  const sum = (of: readonly Recorded[]): number => of.reduce((total, { outcome }) => total + outcome.count, 0);
  const isSlow = ({ outcome }: Recorded): boolean => (outcome.durationMs ?? 0) >= policy.slowTimeThresholdMs;
  const errors = refused.filter(({ outcome }) => isFailed(outcome.result));
  const slow = refused.filter((each) => !errors.includes(each) && isSlow(each));
  return {
    calls: sum(mine),
    refused: sum(refused),
    refusedGood: sum(refused) - sum(errors) - sum(slow),
    keptErrors: sum(errors),
    keptSlow: sum(slow),
    openMs: spans.reduce((total, { sinceMs, untilMs }) => total + untilMs - sinceMs, 0),
  };
}

describe('simulate', () => {
  test('tells the transitions of the rules recomputed naively, whatever order the calls come in', () => {
    fc.assert(
      fc.property(policies, policies, histories(9_000), (a, b, calls) => {
        const world = [policyOf('a.test', a), policyOf('b.test', b)];
        expect(told(simulated([world], calls))).toEqual(toldBy(naive(world, calls), world));
      }),
    );
  });

  test('refuses the calls that fall where the breaker is open, and tells what they were', () => {
    fc.assert(
      fc.property(policies, policies, histories(0), (a, b, calls) => {
        const world = [policyOf('a.test', a), policyOf('b.test', b)];
        const fold = naive(world, calls);
        expect(simulated([world], calls).map(({ ledger }) => ledger)).toEqual(world.map((policy) => naiveLedger(policy, fold, calls)));
      }),
    );
  });

  test('gives each of several worlds what it would have had alone, and in whatever batches', () => {
    fc.assert(
      fc.property(fc.tuple(policies, policies), histories(2_000), fc.integer({ min: 1, max: 9 }), ([a, b], calls, batchMax) => {
        const worlds = [[policyOf('a.test', a)], [policyOf('a.test', b), policyOf('b.test', a)]];
        expect(simulated(worlds, calls)).toEqual(worlds.flatMap((world) => simulated([world], calls, batchMax)).map((result, n) => ({ ...result, file: `${n === 0 ? 0 : 1}` })));
      }),
    );
  });

  test('closes at its time where nothing comes any more', () => {
    const [result] = simulated([[policyOf('a.test', { errorAmountThreshold: 1 })]], [{ offset: 1, appendMs: START_MS, outcome: { upstream: 'a.test', atMs: START_MS, reporter: 'r', count: 1, result: { kind: 'failure', failure: 'dns' } } }]);
    expect(result?.transitions.map(({ transition }) => [transition.to, transition.atMs])).toEqual([['open', START_MS], ['closed', START_MS + 3_000]]);
    expect(result?.ledger).toEqual({ calls: 1, refused: 0, refusedGood: 0, keptErrors: 0, keptSlow: 0, openMs: 3_000 });
  });

  test('counts the same reporter and id once (K4)', () => {
    const outcome: Outcome = { upstream: 'a.test', atMs: START_MS, reporter: 'r', id: '1', count: 1, result: { kind: 'status', code: 500 } };
    const simulation = new Simulation([{ file: 'f', policies: [named(policyOf('a.test', { errorAmountThreshold: 2 }))] }]);
    for (const offset of [1, 2, 3]) simulation.take(outcome, offset, START_MS);
    expect(simulation.end()[0]).toMatchObject({ trips: 0, ledger: { calls: 1 } });
    expect(simulation.seen.repeats).toBe(2);
  });

  test('leaves aside under which generation a call was admitted: that is of another world', () => {
    const outcome: Outcome = { upstream: 'a.test', atMs: START_MS, reporter: 'r', count: 1, result: { kind: 'status', code: 500 }, admitted: { incarnation: 7, generation: 9 } };
    expect(simulated([[policyOf('a.test', { errorAmountThreshold: 1 })]], [{ outcome, offset: 1, appendMs: START_MS }])).toMatchObject([{ trips: 1 }]);
  });
});

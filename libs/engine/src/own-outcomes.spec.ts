import { beforeEach, describe, expect, test } from 'vitest';
import type { Admit, Call, Document, Policy, Snapshot } from '#engine';
import { StateCache } from '#engine';
import { POLICY as SAMPLE } from '../../../test/support/sample-policy.ts';

const POLICY: Policy = { ...SAMPLE, identity: { ...SAMPLE.identity, name: 'a' }, minRequestAmount: 1, errorAmountThreshold: 3 };
const RATIOS = { errorAmountThreshold: 0, errorRatioThreshold: 0.01, slowRatioThreshold: 0.01 };
const setting = (over: Partial<Policy> = {}): Document =>
  ({ kind: 'UpstreamTrafficSetting', namespace: 'n', name: 'a', version: 'v1', upstream: 'a', breaker: { ...POLICY, ...over }, body: {} }) as unknown as Document;
const META = { incarnation: 1, next: 100, clockMs: 1_000_000, control: 0, sequence: 1 };
const OVERRIDE = { author: 'ann', reason: 'it is known', controlOffset: 7 };
const ERROR = { kind: 'status', code: 500 } as const;
const SLOW = { result: { kind: 'status', code: 200 }, durationMs: 200 } as const;

describe('V7: own outcomes while the fleet’s state is known', () => {
  let nowMs: number;
  let monotonicMs: number;
  let next: number;
  let control: number;
  let cache: StateCache;
  beforeEach(() => {
    nowMs = 1_000_000;
    monotonicMs = 5_000;
    next = 10;
    control = 0;
    cache = new StateCache({ nowMs: () => nowMs, monotonicMs: () => monotonicMs, partitions: 1, partitionOf: () => 0, stateMaxAgeMs: 5_000 });
    police();
    hear();
  });

  const pass = (ms: number): void => {
    nowMs += ms;
    monotonicMs += ms;
  };
  const police = (over?: Partial<Policy>): void => void cache.applyDocuments({ control: control++, documents: [setting(over)] });
  const unpolice = (): void => void cache.applyDocuments({ control: control++, documents: [] });
  /** Closed under generation 4 unless said otherwise. */
  const hear = (over: Partial<Snapshot> = {}): void => {
    const window = { total: 0, errors: 0, slow: 0 };
    const closed = { upstream: 'a', incarnation: 1, next: next++, generation: 4, state: 'closed', admit: 1, sinceMs: 1_000_000, window, policy: POLICY.identity } as const;
    cache.applyStates({ partition: 0, meta: META, snapshots: [{ ...closed, ...over }] });
  };
  const hearOpen = (over: Partial<Snapshot> = {}): void => hear({ generation: 5, state: 'open', admit: 0, sinceMs: nowMs, untilMs: nowMs + 10_000, ...over });
  const letThrough = (): Admit => {
    const decision = cache.decide('a');
    if (decision.kind === 'refuse') throw new Error('it is refused');
    return decision;
  };
  const end = ({ admitted, local }: Admit, over: Partial<Call> = {}): void =>
    cache.judge({ upstream: 'a', result: ERROR, durationMs: 5, ...(admitted && { admitted }), ...(local && { local }), ...over });
  const fail = (times: number, over?: Partial<Call>): void => {
    for (let n = 0; n < times; n++) end(letThrough(), over);
  };
  const kind = (): string => cache.decide('a').kind;
  const verdicts = () => cache.provisionalVerdicts;

  test('refuses at once with the policy’s answer, and says for how long at most', () => {
    fail(2);
    expect(kind()).toBe('admit');
    fail(1);
    expect(cache.decide('a')).toEqual({ kind: 'refuse', degraded: POLICY.degraded, untilMs: 1_001_000 });
    expect(cache.decide('a')).toBe(cache.decide('a'));
    expect(cache.groundOf('a', cache.decide('a'))).toMatchObject({ state: 'closed', judgedBy: 'own-amounts', generation: 4 });
  });

  test('C4: refuses nothing where the policy isn’t enforced, and nothing any more once it isn’t', () => {
    fail(3);
    police({ identity: { ...POLICY.identity, enforced: false } });
    expect(kind()).toBe('admit');
    fail(10);
    expect(kind()).toBe('admit');
    expect(verdicts()).toEqual({ agreed: 0, none: 0, other: 1 });
  });

  test('counts slow calls by the policy too', () => {
    police({ errorAmountThreshold: 0, slowAmountThreshold: 2 });
    fail(10);
    expect(kind()).toBe('admit');
    fail(2, SLOW);
    expect(kind()).toBe('refuse');
  });

  test('never opens by a ratio, nor where no amount is set', () => {
    police(RATIOS);
    fail(100);
    fail(100, SLOW);
    expect(kind()).toBe('admit');
  });

  test('never opens by a ratio beside an amount that is not reached', () => {
    police({ ...RATIOS, errorAmountThreshold: 1_000, slowAmountThreshold: 1_000 });
    fail(100, SLOW);
    fail(100);
    expect(kind()).toBe('admit');
  });

  test('lasts 1 s by a clock that is never set back, whatever the wall clock says, and no call is needed to tell its end', () => {
    fail(3);
    monotonicMs += 999;
    nowMs += 3_600_000;
    expect(kind()).toBe('refuse');
    monotonicMs += 1;
    nowMs -= 7_200_000;
    cache.pulse();
    expect(verdicts()).toEqual({ agreed: 0, none: 1, other: 0 });
    expect(kind()).toBe('admit');
  });

  test('T4: lasts no longer than the policy would have it open', () => {
    police({ degradedTimeWindowMs: 300 });
    fail(3);
    pass(299);
    expect(kind()).toBe('refuse');
    pass(1);
    expect(kind()).toBe('admit');
  });

  test('gives way to the fleet’s trip with no gap, and the trip lasts as long as it says', () => {
    fail(3);
    pass(400);
    hearOpen();
    expect(cache.decide('a')).toMatchObject({ kind: 'refuse', untilMs: 1_010_400 });
    expect(verdicts()).toEqual({ agreed: 1, none: 0, other: 0 });
    pass(9_999);
    expect(kind()).toBe('refuse');
    pass(1);
    expect(letThrough().admitted).toEqual({ incarnation: 1, generation: 6 });
  });

  test('news of the same generation is no verdict; a higher one that is closed is, and ends it', () => {
    fail(3);
    hear();
    expect(kind()).toBe('refuse');
    hear({ generation: 5, override: OVERRIDE });
    expect(kind()).toBe('admit');
    expect(verdicts()).toEqual({ agreed: 0, none: 0, other: 1 });
  });

  test('V1: a new incarnation is a verdict, however low its generation, and its outcomes are counted anew', () => {
    fail(3);
    hear({ incarnation: 2, generation: 1 });
    fail(2);
    expect(kind()).toBe('admit');
    fail(1);
    expect(kind()).toBe('refuse');
  });

  test('a verdict that comes when the second is over counts as none', () => {
    fail(3);
    pass(1_000);
    hearOpen();
    expect(kind()).toBe('refuse');
    expect(verdicts()).toEqual({ agreed: 0, none: 1, other: 0 });
  });

  test('opens once in a window; the next window’s count starts at zero', () => {
    fail(3);
    pass(1_000);
    fail(50);
    pass(28_999);
    fail(50);
    expect(kind()).toBe('admit');
    pass(1);
    fail(2);
    expect(kind()).toBe('admit');
    fail(1);
    expect(kind()).toBe('refuse');
  });

  test('T3: a window ends though its calls were few', () => {
    fail(2);
    pass(30_000);
    fail(2);
    expect(kind()).toBe('admit');
  });

  test('T1: a clock that is set back does not keep a window for longer than from then on', () => {
    fail(2);
    nowMs -= 3_600_000;
    end(letThrough(), SLOW);
    nowMs += 30_000;
    fail(2);
    expect(kind()).toBe('admit');
  });

  test('G2: what was let through under another generation, or under none, counts nothing', () => {
    const early = [letThrough(), letThrough(), letThrough()];
    hear({ generation: 5 });
    for (const decision of early) end(decision);
    for (let n = 0; n < 3; n++) end({ kind: 'admit' });
    fail(2);
    expect(kind()).toBe('admit');
    fail(1);
    expect(kind()).toBe('refuse');
  });

  test('what was in flight when it opened counts nothing, then and afterwards', () => {
    police({ statTimeWindowMs: 500 });
    const inFlight = Array.from({ length: 6 }, letThrough);
    for (const decision of inFlight.splice(0, 5)) end(decision);
    pass(1_000);
    for (const decision of inFlight) end(decision);
    fail(1);
    expect(kind()).toBe('admit');
    fail(1);
    expect(kind()).toBe('refuse');
  });

  test('G3: stamps are those of the fleet’s state before, in between and after', () => {
    const { admitted } = letThrough();
    fail(3);
    pass(1_000);
    expect(letThrough()).toEqual({ kind: 'admit', admitted, slowTimeThresholdMs: 200 });
  });

  test('G3, T4: once the fleet’s lease is over it counts under the next generation, whose news is then no verdict', () => {
    hearOpen();
    pass(10_000);
    fail(3);
    hear({ generation: 6 });
    expect(kind()).toBe('refuse');
    hearOpen({ generation: 7 });
    expect(verdicts()).toEqual({ agreed: 1, none: 0, other: 0 });
  });

  test('forced closed stays closed; when that is over it counts again', () => {
    hear({ generation: 5, override: OVERRIDE, untilMs: 1_060_000 });
    fail(100);
    expect(kind()).toBe('admit');
    pass(60_000);
    fail(3);
    expect(kind()).toBe('refuse');
  });

  test('ends where the generation that it counted turns out to be an operator’s', () => {
    hearOpen();
    pass(10_000);
    fail(3);
    hear({ generation: 6, override: OVERRIDE });
    expect(kind()).toBe('admit');
    expect(verdicts()).toEqual({ agreed: 0, none: 0, other: 1 });
  });

  test('T2: refuses nothing where a corrected clock shows that forced closed isn’t over', () => {
    hear({ generation: 5, override: OVERRIDE, untilMs: 1_060_000 });
    const nothingNew = (): void => cache.applyStates({ partition: 0, meta: META, snapshots: [] });
    nowMs += 60_000;
    nothingNew();
    fail(3);
    expect(kind()).toBe('refuse');
    nowMs -= 60_000;
    nothingNew();
    expect(letThrough().admitted).toEqual({ incarnation: 1, generation: 5 });
  });

  test('C3: a policy that the fleet has deleted, or whose document is gone, opens nothing', () => {
    hear({ generation: 5, policy: undefined } as unknown as Partial<Snapshot>);
    fail(100);
    expect(kind()).toBe('admit');
    hear({ generation: 6 });
    unpolice();
    fail(100);
    expect(kind()).toBe('admit');
  });

  test('C3: ends with its policy, and with the last amount in it', () => {
    fail(3);
    police(RATIOS);
    expect(kind()).toBe('admit');
    police();
    hear({ generation: 5 });
    fail(3);
    unpolice();
    expect(kind()).toBe('admit');
    expect(verdicts()).toEqual({ agreed: 0, none: 0, other: 2 });
  });

  test('C3: a change of what is measured begins an empty window, any other keeps what was counted', () => {
    fail(2);
    police({ slowTimeThresholdMs: 300 });
    fail(2);
    expect(kind()).toBe('admit');
    police({ slowTimeThresholdMs: 300, errorAmountThreshold: 2 });
    fail(1);
    expect(kind()).toBe('refuse');
  });

  test('V4: ends when the state becomes unknown, and has not used up the local judgement; the window stays used up', () => {
    fail(3);
    cache.applyStates({ partition: 0, snapshots: [] });
    expect(kind()).toBe('admit');
    expect(verdicts()).toEqual({ agreed: 0, none: 0, other: 1 });
    fail(3);
    expect(cache.openLocally).toBe(1);
    hear();
    fail(50);
    expect(kind()).toBe('admit');
  });

  test('an upstream whose state has not come yet is not counted', () => {
    const fresh = new StateCache({ nowMs: () => nowMs, monotonicMs: () => monotonicMs, partitions: 1, partitionOf: () => 0, stateMaxAgeMs: 5_000 });
    fresh.applyDocuments({ control: 0, documents: [setting()] });
    fresh.applyStates({ partition: 0, meta: META, snapshots: [] });
    for (let n = 0; n < 100; n++) fresh.judge({ upstream: 'a', result: ERROR });
    expect(fresh.decide('a').kind).toBe('admit');
  });
});

import { describe, expect, it } from 'vitest';
import type { TransitionView } from '../support/console-client.ts';
import { SCENARIOS, type TripScenario } from './catalogue.ts';
import { checkClosing, checkTrippedLoad, checkWhileOpen, letThroughMax, type Check, type TrippedLoad } from './checks.ts';
import { evenlyMixed } from './evenly-mixed.ts';
import type { CallEnd } from './load.ts';
import { FAST_PARALLEL, REAL } from './scale.ts';

const AT_MS = 1_790_000_000_000;

/** A load as the rules want it: one call after the other, every fifth fails, and after the trip nothing passes. */
function rightLoad(scenario: TripScenario): TrippedLoad {
  const { counter, by } = scenario.trip;
  const total = by === 'amount' ? 500 : 200;
  const bad = total / 5;
  const arrivals = Array.from({ length: total }, (_, i) => {
    const isBad = i % 5 === 4;
    return { status: isBad && counter === 'errors' ? 511 : 200, delayMs: isBad && counter === 'slow' ? 200 : 0 };
  });
  const passed = arrivals.map(({ status, delayMs }, i): CallEnd => {
    return { sentMs: AT_MS + i, doneMs: AT_MS + i, durationMs: delayMs + 1, status, degraded: false, overloaded: false };
  });
  const refused = Array.from({ length: 1000 - total }, (_, i) => refusal(scenario, AT_MS + 1000 + i));
  return { ends: [...passed, ...refused], arrivals, transition: opening({ total, errors: 0, slow: 0, [counter]: bad }) };
}

function refusal({ degradedStatusCode }: TripScenario, doneMs: number): CallEnd {
  const own = { body: 'Coming soon ...', retryAfter: '6', cacheControl: 'no-store', contentType: 'text/plain; charset=utf-8' };
  return { sentMs: doneMs, doneMs, durationMs: 1, status: degradedStatusCode, degraded: true, overloaded: false, own };
}

function opening(window: TransitionView['window']): TransitionView {
  return { generation: 2, from: 'closed', to: 'open', atMs: AT_MS, openUntilMs: AT_MS + 60_000, window, cause: { kind: 'outcome' } };
}

const trips = SCENARIOS.filter((scenario) => scenario.kind === 'trip');
const scenarioOf = (id: string): TripScenario => trips.find((scenario) => scenario.id === id) as TripScenario;
const missed = (checks: readonly Check[]): string[] => checks.filter(({ ok }) => !ok).map(({ claim }) => claim);
const missesOf = (id: string, change: (load: TrippedLoad) => Partial<TrippedLoad>): string[] => {
  const load = rightLoad(scenarioOf(id));
  return missed(checkTrippedLoad({ ...load, ...change(load) }, scenarioOf(id), REAL));
};

describe('a load that tripped', () => {
  it.each(trips.map((scenario) => [scenario.id, scenario] as const))('is met by the rules of scenario %s', (_, scenario) => {
    expect(missed(checkTrippedLoad(rightLoad(scenario), scenario, REAL))).toEqual([]);
  });

  it('is a miss where an amount trips one error too late', () => {
    expect(missesOf('2', () => ({ transition: opening({ total: 500, errors: 101, slow: 0 }) }))).toEqual(['tripped by number 100 of errors']);
  });

  it('is a miss where errors were counted that the upstream did not send', () => {
    expect(missesOf('2', () => ({ transition: opening({ total: 480, errors: 100, slow: 0 }) }))).toEqual([
      "tripped between request 491 and 500, by the upstream's own record",
    ]);
  });

  it('is a miss where a ratio trips at request 201', () => {
    expect(missesOf('4', () => ({ transition: opening({ total: 201, errors: 40, slow: 0 }) }))).toContain('tripped at request 200');
  });

  it('is a miss where a ratio below the threshold trips', () => {
    expect(missesOf('8', () => ({ transition: opening({ total: 200, errors: 0, slow: 19 }) }))).toContain('slow / total ≥ 0.1');
  });

  it('is a miss where quick calls are counted as slow', () => {
    const quicker = ({ ends }: TrippedLoad): Partial<TrippedLoad> => ({ ends: ends.map((end) => ({ ...end, durationMs: 1 })) });
    expect(missesOf('6', quicker)).toEqual(['counted as slow: no more than took 200 ms for their callers']);
  });

  it('is a miss where a call is answered by the upstream after the first refusal', () => {
    const leak = ({ ends, arrivals }: TrippedLoad): Partial<TrippedLoad> => ({
      ends: [...ends, { ...(ends[0] as CallEnd), sentMs: AT_MS + 5_000 }],
      arrivals: [...arrivals, { status: 200, delayMs: 0 }],
    });
    expect(missesOf('3', leak)).toEqual(['nothing but refusals after the first one']);
  });

  it('is a miss where more passes than was in flight or on its way', () => {
    expect(letThroughMax(REAL)).toBe(30);
    const flood = ({ ends, arrivals }: TrippedLoad): Partial<TrippedLoad> => ({
      ends: [...ends, ...Array.from({ length: 31 }, () => ends[0] as CallEnd)],
      arrivals: [...arrivals, ...Array.from({ length: 31 }, () => ({ status: 200, delayMs: 0 }))],
    });
    expect(missesOf('5', flood)).toEqual(["at most 30 of the upstream's answers beyond those counted"]);
  });

  it('is a miss where the refusal has another status than the policy', () => {
    const other = ({ ends }: TrippedLoad): Partial<TrippedLoad> => ({ ends: ends.map((end) => (end.degraded ? { ...end, status: 409 } : end)) });
    expect(missesOf('9', other)).toEqual(["every refusal is 520 with the policy's body and headers"]);
  });

  it('is a miss where it stays open longer than the policy says', () => {
    expect(missesOf('7', ({ transition }) => ({ transition: { ...transition, openUntilMs: AT_MS + 61_000 } }))).toEqual(['openUntil is 1m after the trip']);
  });
});

describe('the load while open', () => {
  const scenario = scenarioOf('2');
  const openUntilMs = AT_MS + 60_000;
  const refusals = Array.from({ length: 1000 }, (_, i) => refusal(scenario, AT_MS + i));
  const passed: CallEnd = { sentMs: AT_MS + 1, doneMs: AT_MS + 2, durationMs: 1, status: 200, degraded: false, overloaded: false };

  it('is met by nothing but refusals', () => {
    expect(missed(checkWhileOpen(refusals, scenario, { scale: REAL, openUntilMs }))).toEqual([]);
  });

  it('is a miss with one call that passed', () => {
    expect(missed(checkWhileOpen([...refusals, passed], scenario, { scale: REAL, openUntilMs }))).toContain('while open: nothing but refusals');
  });

  it('may go on into the time after, at the small scale', () => {
    const late = { ...passed, sentMs: openUntilMs, doneMs: openUntilMs + 1 };
    expect(missed(checkWhileOpen([...refusals.slice(0, 10), late], scenario, { scale: FAST_PARALLEL, openUntilMs }))).toEqual([]);
  });
});

describe('the close', () => {
  const opened = opening({ total: 500, errors: 100, slow: 0 });
  const closing = { ...opened, generation: 3, from: 'open', to: 'closed', atMs: AT_MS + 60_000, cause: { kind: 'deadline' } };

  it('is met at openUntil by the deadline', () => {
    expect(missed(checkClosing(closing, opened))).toEqual([]);
  });

  it('is a miss at any other time', () => {
    expect(missed(checkClosing({ ...closing, atMs: AT_MS + 60_001 }, opened))).toEqual(['closed exactly at openUntil']);
  });
});

describe('chance without luck', () => {
  it.each([1, 2, 3, 4, 5])('fails exactly 4 calls of each 20, seed %i', (seed) => {
    const random = evenlyMixed(seed);
    const blocks = Array.from({ length: 50 }, () => Array.from({ length: 20 }, random).filter((roll) => roll < 0.2).length);
    expect(new Set(blocks)).toEqual(new Set([4]));
  });

  it('repeats with its seed and differs with another', () => {
    const rolls = (seed: number): number[] => Array.from({ length: 100 }, evenlyMixed(seed));
    expect(rolls(7)).toEqual(rolls(7));
    expect(rolls(7)).not.toEqual(rolls(8));
  });
});

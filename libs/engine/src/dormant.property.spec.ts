/**
 * Whether an upstream was called early or late changes nothing but when its row becomes an object: a cache that is asked
 * for all after each step, and one that is asked at the end alone, are told the same and then say the same.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { AlikeSettings, Policy, QuietStates, Snapshot, TextColumn, TrafficSetting } from '#engine';
import { canTrip, StateCache } from '#engine';
import { POLICY } from '../../../test/support/sample-policy.ts';

/** The last can't be a row. */
const UPSTREAMS = ['a', 'b.example', 'c.example:8443', 'ü'];
const PARTITIONS = 2;
const partitionOf = (upstream: string): number => UPSTREAMS.indexOf(upstream) % PARTITIONS;

const state = fc.constantFrom<Partial<Snapshot>>(
  { state: 'closed', admit: 1 }, { state: 'closed', admit: 1 }, { state: 'closed', admit: 1, override: { author: 'x', reason: 'y', controlOffset: 1 } },
  { state: 'open', admit: 0, untilMs: 1_010_000 }, { state: 'open', admit: 0 }, { state: 'closed', admit: 1, untilMs: 1_005_000 }, { state: 'open', admit: 1, untilMs: 1_010_000 },
);
const version = { incarnation: fc.integer({ min: 1, max: 2 }), next: fc.integer({ min: 1, max: 9 }), generation: fc.integer({ min: 1, max: 4 }) };
const snapshot = fc.tuple(fc.constantFrom(...UPSTREAMS), fc.record(version), state, fc.boolean()).map(([upstream, of, what, hasPolicy]) => ({
  upstream, ...of, ...what, sinceMs: 1_000_000, window: { total: 0, errors: 0, slow: 0 }, ...(hasPolicy ? { policy: POLICY.identity } : {}),
}) as Snapshot);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('states' as const), snapshots: fc.array(snapshot, { maxLength: 5 }), isApart: fc.boolean(), restoring: fc.constantFrom(false, false, false, true) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('documents' as const), of: fc.array(fc.record({ upstream: fc.constantFrom(...UPSTREAMS), threshold: fc.integer({ min: 0, max: 1 }), name: fc.constantFrom('p', 'q') }), { maxLength: 4 }), isAlike: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(100, 1_000, 6_000) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Told {
  readonly cache: StateCache;
  #nowMs = 1_000_000;
  #control = 0;

  constructor() {
    this.cache = new StateCache({ nowMs: () => this.#nowMs, monotonicMs: () => this.#nowMs - 900_000, partitions: PARTITIONS, partitionOf, stateMaxAgeMs: 5_000 });
  }

  take(taken: Step): void {
    if (taken.kind === 'pass') this.#nowMs += taken.ms;
    else if (taken.kind === 'documents') this.#hearDocuments(taken);
    else for (let partition = 0; partition < PARTITIONS; partition++) this.#hear(taken, partition);
    this.cache.pulse();
  }

  #hearDocuments({ of, isAlike }: Extract<Step, { kind: 'documents' }>): void {
    const settings = [...new Map(of.map((each) => [each.upstream, settingOf(each)])).values()];
    const [columns, documents] = [true, false].map((isColumn) => settings.filter(({ upstream }) => (isAlike && upstream !== 'ü') === isColumn)) as [TrafficSetting[], TrafficSetting[]];
    const alike = [100, 101].map((slow) => columns.filter(({ breaker }) => breaker?.slowTimeThresholdMs === slow)).filter(({ length }) => length > 0).map(alikeOf);
    this.cache.applyDocuments({ control: ++this.#control, documents, ...(isAlike ? { alike } : {}) });
  }

  #hear({ snapshots: all, isApart, restoring }: Extract<Step, { kind: 'states' }>, partition: number): void {
    const own = all.filter(({ upstream }) => partitionOf(upstream) === partition);
    const isColumn = (each: Snapshot): boolean => isApart && each.state === 'closed' && each.untilMs === undefined && each.upstream !== 'ü';
    const quiet = columnsOf(own.filter(isColumn));
    const meta = { incarnation: 1, next: 100, clockMs: 1_000_000, control: 0, sequence: 1, ...(restoring ? { restoringTo: 200 } : {}) };
    this.cache.applyStates({ partition, meta, snapshots: own.filter((each) => !isColumn(each)), ...(isApart ? { quiet } : {}) });
  }

  /** Of all, as of now. */
  get said(): unknown {
    return UPSTREAMS.map((upstream) => {
      const decision = this.cache.decide(upstream);
      return { upstream, decision, ground: this.cache.groundOf(upstream, decision) };
    });
  }
}

function settingOf({ upstream, threshold, name }: { upstream: string; threshold: number; name: string }): TrafficSetting {
  const breaker: Policy = { ...POLICY, upstream, slowTimeThresholdMs: 100 + threshold };
  return { kind: 'UpstreamTrafficSetting', namespace: 'n', name: `${name}-${upstream}`, version: `v${threshold}`, upstream, breaker, body: {} } as unknown as TrafficSetting;
}

function alikeOf(settings: readonly TrafficSetting[]): AlikeSettings {
  const [names, upstreams] = [textsOf(settings.map(({ name }) => name)), textsOf(settings.map(({ upstream }) => upstream))];
  return { size: settings.length, like: settings[0] as TrafficSetting, names, upstreams, at: (index) => settings[index] as TrafficSetting };
}

function textsOf(texts: readonly string[]): TextColumn {
  const ends = Uint32Array.from(texts, (_, n) => texts.slice(0, n + 1).join('').length);
  return { bytes: Buffer.from(texts.join(''), 'latin1'), starts: Uint32Array.from(ends, (end, n) => end - (texts[n] as string).length), ends };
}

function columnsOf(snapshots: readonly Snapshot[]): QuietStates {
  return {
    size: snapshots.length,
    upstreams: textsOf(snapshots.map(({ upstream }) => upstream)),
    incarnations: Float64Array.from(snapshots, ({ incarnation }) => incarnation),
    generations: Float64Array.from(snapshots, ({ generation }) => generation),
    nexts: Float64Array.from(snapshots, ({ next }) => next),
    canTrip: Uint8Array.from(snapshots, (each) => (canTrip(each) ? 1 : 0)),
  };
}

test('V1, V4, V5: who is asked for at the end alone is decided as who was asked for all along', () => {
  let refused = 0;
  const property = fc.property(fc.array(step, { maxLength: 12, size: 'max' }), (steps) => {
    const [asked, unasked] = [new Told(), new Told()];
    for (const taken of steps) {
      asked.take(taken);
      refused += JSON.stringify(asked.said).includes('"refuse"') ? 1 : 0;
      unasked.take(taken);
    }
    expect(unasked.said).toEqual(asked.said);
  });
  fc.assert(property, { numRuns: 3_000 });
  expect(refused).toBeGreaterThan(1_000);
});

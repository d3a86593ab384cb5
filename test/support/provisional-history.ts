/**
 * A random history of one upstream before a proxy's state cache (V7): what the fleet tells, documents, clocks and calls.
 * Beside the cache stands its twin, which is told of no call but those that V4 judges, and so is what the proxy would be
 * without V7; and the naive model of V7.
 */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { StateCache, measuresAlike, opensByAmount, type Admit, type Call, type Document, type Policy, type Snapshot } from '#engine';
import { NaiveProvisional } from './naive-provisional.ts';

const AMOUNTS: Policy = {
  identity: { name: 'a', namespace: 'n', version: 'v1' }, upstream: 'a', statTimeWindowMs: 2_000, minRequestAmount: 1, errorAmountThreshold: 3, errorRatioThreshold: 0.9,
  slowTimeThresholdMs: 200, slowAmountThreshold: 4, slowRatioThreshold: 0, degradedTimeWindowMs: 3_000, degraded: { statusCode: 520, content: 'later' },
};
export const POLICIES: readonly Policy[] = [
  AMOUNTS,
  { ...AMOUNTS, errorAmountThreshold: 2, degradedTimeWindowMs: 600 },
  { ...AMOUNTS, slowTimeThresholdMs: 100, slowAmountThreshold: 2, errorAmountThreshold: 0 },
  { ...AMOUNTS, statTimeWindowMs: 300 },
  { ...AMOUNTS, errorAmountThreshold: 0, slowAmountThreshold: 0, errorRatioThreshold: 0.1, slowRatioThreshold: 0.1 },
];
const META = { incarnation: 1, next: 100, clockMs: 1_000_000, control: 0, sequence: 1 };
const OVERRIDE = { author: 'ann', reason: 'it is known', controlOffset: 7 };

export type Step =
  | { readonly kind: 'call' | 'begin' | 'end'; readonly times: number; readonly code: number; readonly durationMs: number }
  | { readonly kind: 'pass' | 'jump'; readonly ms: number }
  | { readonly kind: 'fleet'; readonly does: (typeof FLEET)[number]; readonly ms: number }
  | { readonly kind: 'police'; readonly policy: Policy | undefined }
  | { readonly kind: 'pulse' };

/** What the fleet's state may do. `same`: news of the generation that is; `old`: a version passed long ago. */
export const FLEET = ['open', 'open', 'closed', 'forced open', 'forced closed', 'forced closed for a time', 'deleted', 'same', 'old', 'incarnation', 'nothing new', 'gone'] as const;

export class ProvisionalHistory {
  readonly naive = new NaiveProvisional();
  readonly #cache = this.#newCache();
  readonly #twin = this.#newCache();
  /** Outcomes that would have counted but for an operator. */
  uncountedWhileForced = 0;
  readonly #inFlight: Admit[] = [];
  #nowMs = 1_000_000;
  #monotonicMs = 50;
  #control = 0;
  #policy: Policy | undefined;
  #heard: Snapshot = {
    upstream: 'a', incarnation: 1, next: 10, generation: 4, state: 'closed', admit: 1, sinceMs: 1_000_000,
    window: { total: 0, errors: 0, slow: 0 }, policy: AMOUNTS.identity,
  };

  constructor() {
    this.#police(AMOUNTS);
    this.#hear({});
  }

  take(step: Step): void {
    if (step.kind === 'pass') this.#monotonicMs += step.ms;
    if (step.kind === 'pass' || step.kind === 'jump') this.#nowMs += step.ms;
    // The wall clock is looked at with an update only (T4): both get one, or V7's own looks would make a difference.
    if (step.kind === 'jump') this.#police(this.#policy);
    if (step.kind === 'pulse') this.#pulse();
    else if (step.kind === 'police') this.#police(step.policy);
    else if (step.kind === 'fleet') this.#fleet(step);
    else if ('times' in step) for (let n = 0; n < step.times; n++) this.#call(step);
    this.check();
  }

  /** Refused exactly when the twin is, or the naive model says so; else the very same decision, stamp included. */
  check(): void {
    const decision = this.#cache.decide('a');
    const without = this.#twin.decide('a');
    const lasting = this.naive.lasting(this.#monotonicMs);
    if (lasting === undefined || without.kind === 'refuse' || this.#isForcedClosed()) return deepEqual(decision, without);
    equal(decision.kind, 'refuse');
    ok(this.#monotonicMs - lasting.fromMs < 1_000);
    ok(this.#policy !== undefined && opensByAmount(this.#policy));
    equal(this.#twin.judgedLocally, 0);
  }

  #newCache(): StateCache {
    return new StateCache({ nowMs: () => this.#nowMs, monotonicMs: () => this.#monotonicMs, partitions: 1, partitionOf: () => 0, stateMaxAgeMs: 5_000 });
  }

  #pulse(): void {
    this.#both((cache) => cache.pulse());
    deepEqual(this.#cache.provisionalVerdicts, this.naive.verdicts(this.#monotonicMs));
  }

  #both(act: (cache: StateCache) => void): void {
    act(this.#cache);
    act(this.#twin);
    if (this.#twin.judgedLocally > 0) this.naive.end(this.#monotonicMs);
  }

  #police(policy: Policy | undefined): void {
    const before = this.#policy;
    this.#policy = policy;
    const document = { kind: 'UpstreamTrafficSetting', namespace: 'n', name: 'a', version: 'v1', upstream: 'a', breaker: policy, body: {} } as unknown as Document;
    const documents = { control: this.#control++, documents: policy === undefined ? [] : [document] };
    this.#both((cache) => void cache.applyDocuments(documents));
    if (policy === undefined || !opensByAmount(policy)) this.naive.end(this.#monotonicMs);
    if (policy === undefined || before === undefined || !measuresAlike(policy, before)) this.naive.empty();
  }

  #fleet({ does, ms }: Step & { kind: 'fleet' }): void {
    const { generation, incarnation, next } = this.#heard;
    const untilMs = this.#nowMs + ms;
    const news = { next: next + 1, generation: generation + 1, sinceMs: this.#nowMs };
    const open = { ...news, state: 'open', admit: 0 } as const;
    if (does === 'gone') this.#both((cache) => cache.applyStates({ partition: 0, snapshots: [] }));
    else if (does === 'nothing new') this.#both((cache) => cache.applyStates({ partition: 0, meta: META, snapshots: [] }));
    else if (does === 'old') this.#both((cache) => cache.applyStates({ partition: 0, meta: META, snapshots: [{ ...this.#heard, ...open, next: next - 1 }] }));
    else if (does === 'same') this.#hear({ ...this.#heard, next: next + 1 });
    else if (does === 'open') this.#hear({ ...open, untilMs });
    else if (does === 'closed') this.#hear(news);
    else if (does === 'forced open') this.#hear({ ...open, override: OVERRIDE });
    else if (does === 'forced closed') this.#hear({ ...news, override: OVERRIDE });
    else if (does === 'forced closed for a time') this.#hear({ ...news, override: OVERRIDE, untilMs });
    else if (does === 'incarnation') this.#hear({ incarnation: incarnation + 1, next: 1, generation: 1 });
    else this.#hear(news, ['policy']);
  }

  #hear(news: Partial<Snapshot>, without: readonly (keyof Snapshot)[] = []): void {
    const { upstream, incarnation, next, generation, window } = this.#heard;
    const closed: Snapshot = { upstream, incarnation, next, generation, window, state: 'closed', admit: 1, sinceMs: this.#nowMs, policy: AMOUNTS.identity };
    this.#heard = Object.fromEntries(Object.entries({ ...closed, ...news }).filter(([field]) => !without.includes(field as keyof Snapshot))) as unknown as Snapshot;
    const heard = this.#heard;
    this.#both((cache) => cache.applyStates({ partition: 0, meta: META, snapshots: [heard] }));
    this.naive.hear(heard, this.#monotonicMs);
  }

  /** By the stamps that calls get: one higher once the override is over. */
  #isForcedClosed(): boolean {
    const without = this.#twin.decide('a');
    const isOver = without.kind === 'admit' && (without.admitted?.generation ?? 0) > this.#heard.generation;
    return !isOver && this.#heard.state === 'closed' && this.#heard.override !== undefined;
  }

  #call({ kind, code, durationMs }: Step & { kind: 'call' | 'begin' | 'end' }): void {
    if (kind !== 'end') {
      const decision = this.#cache.decide('a');
      if (decision.kind === 'admit') this.#inFlight.push(decision);
    }
    if (kind === 'begin') return;
    const ended = this.#inFlight.shift();
    if (ended !== undefined) this.#judge({ upstream: 'a', ...ended, result: { kind: 'status', code }, durationMs });
  }

  #judge(call: Call): void {
    this.#count(call);
    this.#cache.judge(call);
    if (this.#twin.judgedLocally > 0) this.#twin.judge(call);
  }

  /** G2, as the fleet would: the same generation, closed by nobody's hand, under a policy. */
  #count(call: Call): void {
    const without = this.#twin.decide('a');
    const { admitted } = call;
    if (without.kind === 'refuse' || admitted === undefined || this.#twin.judgedLocally > 0 || this.#policy === undefined || !opensByAmount(this.#policy)) return;
    if (admitted.generation !== without.admitted?.generation || admitted.incarnation !== without.admitted.incarnation) return;
    if (this.#heard.policy === undefined || this.naive.lasting(this.#monotonicMs) !== undefined) return;
    if (this.#isForcedClosed()) return void this.uncountedWhileForced++;
    this.naive.count(call, admitted, { policy: this.#policy, nowMs: this.#nowMs, monotonicMs: this.#monotonicMs });
  }
}

/** Wrong versions of what makes a state out of a log: L, T, G, C, O, F1. */
import { inEngine, LIVES, SIMULATOR, type Mutant } from './mutant.ts';

const timeInFold = inEngine('fold.ts', 'time.rules.spec.ts');
const timeInMachine = inEngine('machine.ts', 'time.rules.spec.ts');
const timeInWindow = inEngine('window.ts', 'time.rules.spec.ts');
const generationInFold = inEngine('fold.ts', 'generation.rules.spec.ts');
const generationInMachine = inEngine('machine.ts', 'generation.rules.spec.ts');
const admission = inEngine('admission.ts', 'generation.rules.spec.ts');
const controlInFold = inEngine('fold.ts', 'control.rules.spec.ts');
const controlInMachine = inEngine('machine.ts', 'control.rules.spec.ts');
const documents = inEngine('documents.ts', 'control.rules.spec.ts');
const policies = inEngine('policies-in-force.ts', 'control.rules.spec.ts');
const outcome = inEngine('outcome.ts', 'semantics.rules.spec.ts');
const counting = inEngine('breaker.ts', 'semantics.rules.spec.ts');
const atItsRecord = inEngine('breaker.ts', 'fold.property.spec.ts');

const UNKNOWN = `if (breaker === undefined) {
      this.#tally.unknown += count;
    } else if (id !== undefined && this.#repeats.seen(reporter, id, offset)) {
      this.#tally.repeat += count;
    }`;
const LATE = `} else if (id !== undefined && this.#repeats.seen(reporter, id, offset)) {
      this.#tally.repeat += count;
    } else if (outcome.atMs < appendMs - this.#lateAfterMs) {
      this.#tally.late += count;
    }`;

export const FOLD_MUTANTS: readonly Mutant[] = [
  {
    name: 'partition by the signed hash', rule: 'L2', file: 'libs/wire/src/partition.ts',
    find: '& 0x7fffffff', replace: '>>> 0',
    by: { spec: 'libs/wire/src/partition.spec.ts', title: 'L2: the partition is the hash without its sign, modulo the partitions' },
  },
  timeInFold('L3', 'ids of unknown upstreams remembered', {
    find: UNKNOWN,
    replace: `if (id !== undefined && this.#repeats.seen(reporter, id, offset)) {
      this.#tally.repeat += count;
    } else if (breaker === undefined) {
      this.#tally.unknown += count;
    }`,
    title: 'without a policy leaves no ids behind',
  }),
  timeInWindow('L4', '`count` ignored', { find: 'this.total += calls;', replace: 'this.total += 1;', title: 'stands for `count` calls alike' }),
  timeInFold('T1', 'clock not set back', {
    find: 'else if (appendMs < this.#clockMs - SET_BACK_AFTER_MS) this.#setBack(appendMs, offset);', replace: '',
    title: 'is set back by a record more than 5 s below it',
  }),
  timeInFold('T1', 'clock follows each record', { find: 'if (appendMs > this.#clockMs)', replace: 'if (appendMs !== this.#clockMs)', title: 'is the largest append time so far' }),
  timeInFold('T1', 'clock goes by `at`', {
    find: 'breaker.take(outcome, this.#clockMs, offset)', replace: 'breaker.take(outcome, outcome.atMs, offset)',
    by: SIMULATOR,
  }),
  timeInMachine('T1', 'trip not pulled in', {
    find: 'const isTrip = untilMs !== undefined && override === undefined;', replace: 'const isTrip = false;',
    title: 'set back: a trip whose `until` is later than clock',
  }),
  timeInFold('T2', 'late outcomes counted', { find: 'outcome.atMs < appendMs - this.#lateAfterMs', replace: 'outcome.atMs < 0', by: SIMULATOR }),
  inEngine('log-clock.ts', 'log-clock.spec.ts')('T2', 'proxy’s clock not corrected', {
    find: 'this.#aheadMs = Math.min(Math.max(aheadMs, leastMs), mostMs);', replace: '',
    by: SIMULATOR,
  }),
  inEngine('log-clock.ts', 'log-clock.spec.ts')('T2', 'proxy’s clock goes with the wall’s', {
    find: 'return this.#aheadMs === undefined ? this.#own.wallMs() : this.#own.monotonicMs() + this.#aheadMs;',
    replace: 'return this.#own.wallMs() + (this.#aheadMs === undefined ? 0 : this.#aheadMs - 1_000_000);',
    title: 'set by an hour, is noticed by nobody once',
  }),
  timeInWindow('T3', 'window covers its end', { find: 'clockMs >= this.startedAtMs + lengthMs', replace: 'clockMs > this.startedAtMs + lengthMs', title: 'not its end' }),
  inEngine('breaker.ts', 'time.rules.spec.ts')('T4', '`until` from a clock on the wall', {
    find: 'untilMs: clockMs + policy.degradedTimeWindowMs', replace: 'untilMs: Date.now() + policy.degradedTimeWindowMs',
    title: 'of a trip = fold clock + degradedTimeWindow',
  }),
  timeInFold('T5', 'expired after judging', {
    find: 'this.#moveClock(record);\n      this.#take(record);', replace: 'this.#take(record);\n      this.#moveClock(record);',
    title: 'comes before any outcome whose fold clock',
  }),
  inEngine('leases.ts', 'time.rules.spec.ts')('T5', 'lease holds at its end', { find: 'first.untilMs <= clockMs', replace: 'first.untilMs < clockMs', title: 'comes before any outcome whose fold clock' }),
  timeInFold('T5', 'closing told with the time of its noticing', {
    find: 'expiry({ untilMs }, offset)', replace: 'expiry({ untilMs: this.#clockMs }, offset)', title: 'has the same content whoever notices it, and when',
  }),
  generationInMachine('G1', 'generation only for another state', {
    find: 'context.generation += 1;', replace: 'context.generation += to === context.state ? 0 : 1;',
    title: 'an override that leaves the state as it was',
  }),
  admission('G2', 'generation not checked', { find: "if (ahead < 0) return 'stale';", replace: "if (ahead < 0) return 'current';", by: SIMULATOR }),
  admission('G2', 'incarnation not checked', {
    find: "if (admitted.incarnation !== standing.incarnation) return 'otherIncarnation';", replace: '', title: 'another incarnation is dropped, counted',
  }),
  admission('G2', 'a lease believed over too early', {
    find: 'Math.min(EARLY_MAX_MS, (untilMs - sinceMs) / 2)', replace: 'EARLY_MAX_MS', title: 'one higher, in the first half of a lease shorter than 10 s',
  }),
  admission('G2', 'outcomes of before counted', {
    find: ">= standing.sinceMs ? 'current' : 'stale'", replace: ">= 0 ? 'current' : 'stale'", title: 'none and an `at` before `since` is stale',
  }),
  documents('C1', 'second document for a host taken', {
    find: "return change.kind === 'apply' && this.holderOf(change.document) !== undefined ? 'host' : undefined;", replace: 'return undefined;', title: 'of two for one host the second is refused',
  }),
  documents('C1', 'the second of two operators overwrites the first', {
    find: "if (change.replaces !== undefined && change.replaces !== (before?.version ?? '')) return 'version';", replace: '', title: 'the first in the log is taken',
  }),
  documents('C1', 'a directory’s document changed by hand', { find: "if (source === 'api' && before !== undefined && this.#ofDirectory.has(before)) return 'directory';", replace: '', title: 'by the directory alone' }),
  controlInFold('C2', 'mark takes beyond its offset', {
    find: 'while (this.#policies.control < mark.control)', replace: 'while (this.#policies.control <= mark.control)', title: 'takes nothing beyond its own',
  }),
  policies('C2', 'hash of a mark ignored', {
    find: 'this.#dictionary(control)?.hash === hash', replace: 'this.#dictionary(control) !== undefined', title: 'with another hash only moves the clock and is counted',
  }),
  policies('C2', 'a mark of nothing is genuine', {
    find: 'this.#dictionary(control)?.hash === hash', replace: '(this.#dictionary(control)?.hash ?? hash) === hash', title: 'of a record that does not exist only moves the clock and is counted',
  }),
  controlInFold('C3', 'window kept though measured otherwise', {
    find: 'keepWindow: measuresAlike(before, policy)', replace: 'keepWindow: true', title: 'whose statTimeWindow changes starts an empty window',
  }),
  inEngine('snapshot.ts', 'control.rules.spec.ts')('C4', 'what is not enforced refuses', {
    find: 'const refuses = override !== undefined || policy === undefined || isEnforced(policy);', replace: 'const refuses = true;', title: 'refuses nothing',
  }),
  inEngine('policy.ts', 'own-outcomes.spec.ts')('C4', 'own amounts refuse what is not enforced', { find: 'isEnforced(identity) && (', replace: '(', by: SIMULATOR }),
  controlInMachine('C3', 'override outlives its policy', {
    find: 'context.override = change.override;', replace: 'context.override = change.override ?? context.override;', title: 'deleted takes its override along',
  }),
  generationInFold('K4', 'repeats not remembered when not counted', {
    find: LATE,
    replace: `} else if (outcome.atMs < appendMs - this.#lateAfterMs) {
      this.#tally.late += count;
    } else if (id !== undefined && this.#repeats.seen(reporter, id, offset)) {
      this.#tally.repeat += count;
    }`,
    title: 'is known even if the first one did not count',
  }),
  generationInFold('K4', 'reporter not part of what is a repeat', {
    find: 'this.#repeats.seen(reporter, id, offset)', replace: "this.#repeats.seen('', id, offset)", title: 'is none where the reporter is another one',
  }),
  outcome('O2', '499 is an error', { find: 'result.code > 499', replace: 'result.code >= 499', title: 'an error is a status above 499' }),
  outcome('O2', 'UNAVAILABLE is no error', { find: 'new Set([2, 4, 13, 14, 15])', replace: 'new Set([2, 4, 13, 15])', title: 'of gRPC' }),
  counting('O2', 'slow only above the threshold', { find: 'durationMs >= slowTimeThresholdMs', replace: 'durationMs > slowTimeThresholdMs', title: 'slowTimeThreshold: a response whose head takes at least this long is slow' }),
  atItsRecord('F1', 'counted as the state before the change says', {
    find: 'this.#enter(this.#actor.getSnapshot());', replace: '', title: 'is what the rules say, record by record',
  }),
  atItsRecord('F1', 'an actor goes on in a state that is over', {
    find: 'this.#actor = undefined;\n    this.#enter(state);', replace: 'this.#enter(state);', title: 'is what the rules say, record by record',
  }),
  atItsRecord('F1', 'counted without asking for its generation', {
    find: "if (admitted !== 'current') return admitted;", replace: '', title: 'is what the rules say, record by record',
  }),
  inEngine('actors.ts', 'fold.property.spec.ts')('F1', 'what befalls one at rest is forgotten', {
    find: 'breaker.send(event, offset);\n    this.#resting.set(upstream, breaker.snapshot());', replace: 'breaker.send(event, offset);', title: 'is the same with one or two actors awake',
  }),
  {
    name: 'what was counted after a commit is in none', rule: 'F1', file: 'libs/engine/src/actors.ts',
    find: 'if (breaker !== undefined) breaker.isTouched = false;', replace: '', by: LIVES,
  },
];

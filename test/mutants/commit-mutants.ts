/** Wrong versions of claim, commit and publication: L2, C2, T5, K, V1. */
import { LIVES, SIMULATOR, type Finder, type Mutant } from './mutant.ts';

const OWNER = 'libs/engine/src/owner.ts';
const ANSWER = 'libs/drivers/src/embedded/commit-answer.ts';

const pump = (title: string, page = 'pump'): Finder => ({ spec: `test/integration/${page}.spec.ts`, title });
const lost = (title: string): Finder => pump(title, 'pump-lost-logs');
const engines = (title: string): Finder => pump(title, 'pump-engines');
const store = (title: string): Finder => ({ spec: 'test/contract/embedded.spec.ts', title });

export const COMMIT_MUTANTS: readonly Mutant[] = [
  {
    name: 'sent on again and again', rule: 'L2', file: OWNER, find: ' || entry.isSentOn', replace: '',
    by: pump('L2: what was sent on before is not sent on again', 'pump-misrouted'),
  },
  {
    name: 'a tick appended once only', rule: 'T5', file: 'libs/engine/src/pump.ts',
    find: 'if (nowMs < markedAtMs + MARK_AGAIN_AFTER_MS) return false;', replace: 'if (markedAtMs > -Infinity) return false;',
    by: pump('T5: a mark is not repeated within 300 ms'),
  },
  {
    name: 'a mark folded before control is read up to it', rule: 'C2', file: OWNER,
    find: 'await this.#control.reach(mark.control);', replace: '',
    by: pump('C2: a mark is folded with the control record it names'),
  },
  {
    name: 'epoch ignored', rule: 'K1', file: ANSWER, find: "if (commit.epoch < epoch) return { kind: 'FENCED' };", replace: '',
    by: store('FENCED: an older owner of the same group'),
  },
  {
    name: 'empty store not marked as restoring', rule: 'K1', file: OWNER,
    find: 'meta === undefined ? bounds.next : meta.restoringTo', replace: 'meta?.restoringTo', by: pump('K1: a store found empty is marked as restoring'),
  },
  {
    name: 'a batch folded twice', rule: 'K2', file: 'libs/engine/src/fold.ts',
    find: 'if (record.offset < this.#next) continue;', replace: 'if (record.offset < this.#next - 1) continue;',
    by: pump('a batch that begins before where the pump stands counts nothing twice', 'pump-answers'),
  },
  {
    name: 'a commit from behind taken', rule: 'K2', file: ANSWER, find: 'next > commit.expected', replace: 'next > commit.next',
    by: store('AHEAD: it would pass the store'),
  },
  {
    name: 'a store that fell back not noticed', rule: 'K2', file: ANSWER,
    find: "return next < commit.expected ? { kind: 'REGRESSED', next } : { kind: 'OK' };", replace: "return { kind: 'OK' };", by: SIMULATOR,
  },
  {
    name: 'ALREADY taken for AHEAD', rule: 'K2', file: ANSWER, find: "if (meta?.commitId === commit.commitId) return { kind: 'ALREADY' };", replace: '',
    by: store('ALREADY: the last commit, its reply'),
  },
  {
    name: 'a lower incarnation taken', rule: 'K2', file: ANSWER, find: "if (commit.incarnation < meta.incarnation) return { kind: 'FENCED' };", replace: '',
    by: store('FENCED: a lower incarnation'),
  },
  { name: 'AHEAD drops what is held', rule: 'K2', file: OWNER, find: "case 'AHEAD':", replace: "case 'AHEAD':\n        this.#unpublished = [];", by: LIVES },
  {
    name: 'AHEAD believes the store where it stands', rule: 'K2', file: OWNER,
    find: 'this.#expected = answer.next;\n        return;', replace: 'this.#expected = this.#fold.next;\n        return;', by: SIMULATOR,
  },
  { name: 'FENCED contends for the epoch', rule: 'K2', file: OWNER, find: "case 'FENCED':", replace: "case 'FENCED':\n        this.#epoch++;\n        return;", by: pump('K2 FENCED: an owner that was ahead of the store folds again', 'pump-answers') },
  { name: 'REGRESSED writes changes only', rule: 'K2', file: OWNER, find: '        this.#rewrite = true;\n', replace: '', by: SIMULATOR },
  {
    name: 'written again without ids', rule: 'K2', file: OWNER, find: 'ids: this.#fold.idsSince(from)', replace: 'ids: this.#rewrite ? [] : this.#fold.idsSince(from)', by: SIMULATOR,
  },
  {
    name: 'written again without transitions', rule: 'K2', file: OWNER,
    find: 'outbox: this.#unpublished.filter(({ offset }) => offset >= from)', replace: 'outbox: this.#rewrite ? [] : this.#unpublished.filter(({ offset }) => offset >= from)', by: SIMULATOR,
  },
  {
    name: 'what was dropped by a claim not read again', rule: 'K2', file: OWNER, find: 'this.#catchUpTo = Math.max(this.#catchUpTo, next);', replace: '', by: SIMULATOR,
  },
  {
    name: 'told before it is committed', rule: 'K3', file: OWNER,
    find: 'async settle(): Promise<void> {', replace: 'async settle(): Promise<void> {\n    await this.#ports.transitions.append(this.#unpublished.map(({ transition }) => transition));', by: SIMULATOR,
  },
  {
    name: 'unpublished forgotten at a claim', rule: 'K3', file: OWNER, find: 'this.#unpublished = [...claim.outbox];', replace: 'this.#unpublished = [];',
    by: pump('K3: what was committed and not published is published by the next owner'),
  },
  {
    name: 'dropped when it can’t be published', rule: 'K3', file: OWNER,
    find: "this.#options.observer.postponed(this.partition, 'publishing transitions', error);\n      return false;", replace: '',
    by: pump('K3: what could not be published is published by the next pulse'),
  },
  { name: 'outbox emptied before it is told', rule: 'K3', file: OWNER, find: 'await this.#ports.transitions.append(entries.map(({ transition }) => transition));\n      await this.#ports.states.published(this.partition, entries);', replace: 'await this.#ports.states.published(this.partition, entries);\n      await this.#ports.transitions.append(entries.map(({ transition }) => transition));', by: pump('K3: what was committed and not published is published by the next owner') },
  { name: 'horizon lost in a restart', rule: 'K4', file: 'libs/engine/src/fold.ts', find: 'this.#repeats.restore(start.ids);', replace: '', by: SIMULATOR },
  { name: 'all snapshots with each commit', rule: 'K5', file: OWNER, find: 'this.#rewrite ? this.#fold.snapshots() : this.#fold.changedSince(from)', replace: 'this.#fold.snapshots()', by: SIMULATOR },
  { name: 'another log not noticed', rule: 'V1', file: 'libs/engine/src/reincarnation.ts', find: 'return bounds.identity !== undefined && bounds.identity !== identity;', replace: 'return false;', by: pump('V1: another stage.log under the same store is a new incarnation') },
  { name: 'catches up with whatever log is there', rule: 'V1', file: OWNER, find: 'if (isAnother(this.#identity, bounds)) return await this.#startOver();', replace: '', by: pump('folds nothing of a log that took the place', 'pump-incarnations') },
  { name: 'old news take the store back', rule: 'K2', file: OWNER, find: '(this.#fold.next === expected && (this.#isDoubted || this.#rewrite))', replace: 'this.#isDoubted || this.#rewrite', by: SIMULATOR },
  { name: 'another log, cut since, not noticed', rule: 'V1', file: 'libs/engine/src/reincarnation.ts', find: 'last.appendMs <= kept.clockMs', replace: 'true', by: { spec: 'libs/engine/src/reincarnation.spec.ts', title: 'is another one where its last folded record' } },
  { name: 'lost end of a log passed over', rule: 'V1', file: 'libs/engine/src/log-loss.ts', find: 'if (reached > bounds.next) return', replace: 'if (false) return', by: pump('V1: a log that ends before what was folded has lost its end', 'pump-misrouted') },
  { name: 'a cut log passed over by a lagging owner', rule: 'V1', file: OWNER, find: '.first > this.#fold.next;', replace: '.first < 0;', by: lost('cut while an owner lags, rebuild') },
  { name: 'the batch behind a cut forgotten', rule: 'V1', file: OWNER, find: 'this.#catchUpTo = Math.max(this.#catchUpTo, (records.at(-1)?.offset ?? -1) + 1);\n    await', replace: 'await', by: lost('cut while an owner lags, rebuild') },
  { name: 'a log made again not looked for', rule: 'V1', file: OWNER, find: 'if (isAnother(this.#identity, await this.#ports.reader.bounds(this.partition))) await this.#startOver();\n  }\n\n  /** A standby', replace: '}\n\n  /** A standby', by: lost('replaced, on the spot') },
  { name: 'stop goes on', rule: 'V1', file: 'libs/engine/src/beginning.ts', find: 'throw new LostLogError(loss);', replace: '', by: lost('cut, stop: nothing is folded or written') },
  { name: 'cold folds what is left', rule: 'V1', file: 'libs/engine/src/beginning.ts', find: "lostLog === 'cold' ? bounds.next : bounds.first", replace: 'bounds.first', by: lost('cut, cold: all is closed and empty') },
  { name: 'a checkpoint of another log taken', rule: 'V1', file: 'libs/engine/src/beginning.ts', find: ' && head.identity === identity', replace: '', by: lost('cut, rebuild: goes on from the newest checkpoint') },
  { name: 'the state of another log taken', rule: 'V1', file: 'libs/engine/src/log-loss.ts', find: 'if (kept?.log !== undefined && kept.log !== last.identity) return', replace: 'if (false) return', by: lost('foreign: the state of another log') },
  { name: 'what can’t be read taken for empty', rule: 'V1', file: 'libs/engine/src/log-loss.ts', find: 'return unreadable === undefined ? undefined', replace: 'return unreadable !== undefined ? undefined', by: lost('unreadable, rebuild: what the store held') },
  { name: 'written again only with news', rule: 'K2', file: OWNER, find: '(this.#isDoubted || this.#rewrite)', replace: 'this.#isDoubted', by: lost('unreadable, rebuild: what the store held') },
  { name: 'older engine taken', rule: 'K2', file: ANSWER, find: "if ((commit.engine ?? 1) < (meta.engine ?? 1)) return { kind: 'FENCED' };", replace: '', by: store('FENCED: an older engine') },
  { name: 'mark of newer rules folded', rule: 'C2', file: OWNER, find: 'if (found <= known) return;', replace: 'return;', by: engines('an older one never folds the mark') },
  { name: 'partition of a newer engine claimed', rule: 'C2', file: 'libs/engine/src/beginning.ts', find: 'if (found > this.#engine) throw', replace: 'if (false) throw', by: engines('an older one is given no partition') },
  { name: 'rules raised by a forged mark', rule: 'C2', file: OWNER, find: '?.hash === mark.hash ?', replace: ' !== undefined ?', by: engines('a forged mark raises no rules') },
  { name: 'a standby raises the rules', rule: 'C2', file: 'libs/engine/src/beginning.ts', find: 'if (isStandby || ', replace: 'if (', by: engines('a newer standby folds beside an older active') },
  { name: 'version from a clock', rule: 'V1', file: 'libs/engine/src/breaker.ts', find: 'next: this.#next, generation', replace: 'next: Date.now(), generation', by: { spec: 'libs/engine/src/generation.rules.spec.ts', title: 'an outcome counted' } },
];

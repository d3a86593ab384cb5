/** Wrong versions of what a proxy does: L4, T4, G3, V, O3. */
import { inEngine, SIMULATOR, type Mutant } from './mutant.ts';

const cache = inEngine('state-cache.ts', 'state-cache.spec.ts');
const dormant = inEngine('dormant.ts', 'dormant.property.spec.ts');
const known = inEngine('known.ts', 'state-cache.spec.ts');
const judging = inEngine('state-cache.ts', 'local-breakers.spec.ts');
const reporter = inEngine('reporter.ts', 'reporter.spec.ts');
const lease = inEngine('lease.ts', 'state-cache.spec.ts');
const board = inEngine('state-board.ts', 'state-board.spec.ts');
const own = inEngine('own-outcomes.ts', 'own-outcomes.spec.ts');

export const PROXY_MUTANTS: readonly Mutant[] = [
  {
    name: 'a store of other partitions read', rule: 'L1', file: 'libs/drivers/src/redis/partition-meta.ts',
    find: "if (fields['partitions'] !== String(partitions)) throw", replace: 'if (false) throw',
    by: { spec: 'libs/drivers/src/redis/partition-meta.spec.ts', title: 'L1: meta of another number of partitions is refused' },
  },
  {
    name: 'a break after the head is a second outcome', rule: 'O1', file: 'libs/http-proxy/src/http1/call.ts',
    find: "if (!isReported) this.#report({ kind: 'failure'", replace: "this.#report({ kind: 'failure'",
    by: { spec: 'test/integration/http-proxy-failures.spec.ts', title: 'every call that reaches out is one outcome' },
  },
  reporter('L4', 'a retry has new ids', {
    find: 'this.#failed.push(records);', replace: 'this.#failed.push(records.map((record) => ({ ...record, id: `${this.#ids++}` })));',
    title: 'a record once handed to a send never changes',
  }),
  reporter('L4', 'calls merged though known far apart', { find: 'ALIKE_WITHIN_MS = 100;', replace: 'ALIKE_WITHIN_MS = 100_000;', title: 'L4: calls known 100 ms apart are two records' }),
  {
    name: 'lease counted from first seen alone', rule: 'T4', file: 'libs/engine/src/lease.ts',
    find: 'return Math.min(untilMs - clocks.nowMs(), byLengthMs);', replace: 'return byLengthMs;',
    by: { spec: 'test/integration/pump-backlog.spec.ts', title: 'not one call is refused for what happened then' },
  },
  {
    name: 'proxy’s clock not corrected by the store', rule: 'T2', file: 'libs/engine/src/log-clock.ts',
    find: 'this.#moveInto(atMs - toldMonotonicMs - slackMs, atMs - askedMonotonicMs + slackMs);', replace: '',
    by: { spec: 'test/integration/pump-clocks.spec.ts', title: 'T2: a proxy whose clock is off' },
  },
  {
    name: 'a broker’s minute ahead kept', rule: 'T1', file: 'libs/engine/src/fold.ts', find: 'appendMs < this.#clockMs - SET_BACK_AFTER_MS', replace: 'false',
    by: { spec: 'test/integration/pump-clocks.spec.ts', title: 'T1: a broker’s clock that jumps a minute ahead' },
  },
  {
    name: 'an older engine given partitions', rule: 'C2', file: 'libs/drivers/src/kafka/assigner.ts', find: 'engine === newest)', replace: 'engine <= newest)',
    by: { spec: 'libs/drivers/src/kafka/assigner.spec.ts', title: 'members of an older engine than others get nothing' },
  },
  lease('T4', 'lease not counted from first seen', {
    find: 'return Math.min(untilMs - clocks.nowMs(), byLengthMs);', replace: 'return untilMs - clocks.nowMs();', title: 'T4: no trip refuses for longer than its own length',
  }),
  inEngine('seen.ts', 'state-cache.spec.ts')('T4', 'first seen anew with each news', {
    find: 'before?.untilMs !== undefined && isSameGeneration(heard, before) ? before.firstSeenMs : atMs', replace: 'atMs', title: 'T4: news of the same generation does not begin its time anew',
  }),
  cache('G3', 'old generation stamped after the lease', {
    find: 'this.#leftMs(seen) > 0 ? generation : generation + 1', replace: 'generation', by: SIMULATOR,
  }),
  judging('G3', 'own judgement stamped', {
    find: 'const admitted = this.#stamp(shared);', replace: 'const admitted = this.#stamp(shared) ?? this.#stamp(local) ?? begun;', title: 'G3: stamps nothing while no state is known',
  }),
  cache('V1', 'cache applies older', {
    find: 'if (before !== undefined && !isNewer(heard, { incarnation: before.incarnation, next: known.next })) return;', replace: '', title: 'V1: an older version, or the same, changes nothing',
  }),
  dormant('V1', 'a dormant state goes back', { find: 'if (hasState && !isNewer(', replace: 'if (false && !isNewer(', title: 'V1, V4, V5: who is asked for at the end alone' }),
  dormant('V1', 'news of who is awake kept for the dormant', { find: 'if (row === -1 || this.#isAwake(this.#rowOf(row))) return false;', replace: 'if (row === -1) return false; this.#rowOf(row);', title: 'V1, V4, V5: who is asked for at the end alone' }),
  inEngine('snapshot.ts', 'state-cache.spec.ts')('V1', 'incarnation not part of the version', {
    find: 'return a.incarnation !== b.incarnation ? a.incarnation > b.incarnation : a.next > b.next;', replace: 'return a.next > b.next;',
    title: 'V1: a higher incarnation is newer, however low its offset',
  }),
  cache('V2', 'older documents taken', { find: ' && documents.control < before.control) return false;', replace: ' && false) return false;', title: 'V2: older documents than those here are passed over' }),
  board('V1', 'another console takes states back', { find: 'if (before !== undefined && !isNewer(snapshot, before)) return [];', replace: '', title: 'passes over what is not (V1)' }),
  {
    name: 'a change taken for the whole', rule: 'V3', file: 'libs/drivers/src/followers.ts',
    find: 'if (!follower.awaited.has(part)) this.#tell', replace: 'this.#tell',
    by: { spec: 'libs/drivers/src/followers.spec.ts', title: 'news do not pass for a part that it was not told' },
  },
  {
    name: 'meta compared by offset alone', rule: 'V3', file: 'libs/drivers/src/redis/partition-meta.ts',
    find: ' && a.next === b.next && a.sequence === b.sequence;', replace: ' && a.next === b.next;',
    by: { spec: 'libs/drivers/src/redis/partition-meta.spec.ts', title: 'V3: what was written again at the same offset differs' },
  },
  {
    name: 'a lost message not noticed', rule: 'V3', file: 'libs/drivers/src/redis/change.ts',
    find: 'after?.sequence === known.sequence && after.next === known.next', replace: 'true',
    by: { spec: 'libs/drivers/src/redis/change.spec.ts', title: 'a change follows what is known where incarnation, offset and count of writes all say so' },
  },
  known('V4', 'restoring ignored by proxies', { find: 'meta !== undefined && meta.restoringTo === undefined', replace: 'meta !== undefined', by: SIMULATOR }),
  judging('V4', 'old states believed for ever', {
    find: 'this.#options.monotonicMs() - partition.heardMs <= this.#options.stateMaxAgeMs', replace: 'true', title: 'begins when the state is older than allowed',
  }),
  known('V4', 'no meta taken for closed', { find: 'meta !== undefined && meta.restoringTo === undefined', replace: 'meta?.restoringTo === undefined', title: 'V4: the shared state alone decides once every partition is known and whole' }),
  cache('V4', 'age counted from who passes the word on', {
    find: 'heardMonotonicMs: heardMs = this.#options.monotonicMs() }: StateUpdate): void {', replace: '}: StateUpdate): void { const heardMs = this.#options.monotonicMs();',
    title: 'V4: a word that others passed on counts from when the store said it',
  }),
  board('V4', 'an older word of another console believed', { find: 'if (heardMs >= held.heardMs) {', replace: 'if (true) {', title: 'an older word changes neither age nor meta (V4)' }),
  inEngine('breaker.ts', 'fold.property.spec.ts')('V5', 'open admits', { find: 'const admit = admitOf(state, override, policy?.identity);', replace: 'const admit = 1;', title: 'is what the rules say, record by record' }),
  cache('V5', 'a decision made for each call', {
    find: 'if (known.untilMonotonicMs !== undefined && this.#options.monotonicMs() >= known.untilMonotonicMs) this.#decideAnew(known);', replace: 'this.#decideAnew(known);',
    title: 'V5: a decision is made ahead: asking twice gives the same object',
  }),
  cache('V5', 'decided as another with the same state', {
    find: 'steady.shared !== shared || steady.policy !== policy', replace: 'steady.shared !== shared', title: 'a policy that changes changes its own decision',
  }),
  cache('V4', 'decided as before the partition was old', {
    find: '    partition.steady = undefined;\n    for (const known', replace: '    for (const known', title: 'V4: all are judged here once their partition is old',
  }),
  reporter('V6', 'outcomes wait for as long as a send takes', { find: 'const WAIT_MAX_MS = 100;', replace: 'const WAIT_MAX_MS = 100_000;', title: 'at most 100 ms wait while a send is on its way' }),
  reporter('V6', 'buffer without bound', { find: 'this.waiting >= WAITING_MAX', replace: 'this.waiting >= Infinity', title: 'a log that does not answer costs bounded memory' }),
  own('V7', 'opens again and again in one window', { find: 'this.#isSpent = true;', replace: '', title: 'opens once in a window' }),
  {
    name: 'a refusal from further on is an outcome', rule: 'O3', file: 'libs/http-proxy/src/http1/response-head.ts',
    find: "return head.isNamed(n, 'x-envoy-overloaded') && head.value(n) === 'true';", replace: 'return false;',
    by: { spec: 'test/integration/http-proxy-failures.spec.ts', title: 'marked x-envoy-overloaded: true is passed on and is no outcome' },
  },
];

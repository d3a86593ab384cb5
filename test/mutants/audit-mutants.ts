/** Wrong versions of what stands beside the commit: the hot standby (decisions/0022), checkpoints (0024), verify and rebuild. */
import { SIMULATOR, type Finder, type Mutant } from './mutant.ts';

const OWNER = 'libs/engine/src/owner.ts';
const PUMP = 'libs/engine/src/pump.ts';
const STATES = 'libs/audit/src/state-comparison.ts';
const TRANSITIONS = 'libs/audit/src/transition-comparison.ts';
const REBUILD = 'libs/audit/src/rebuild.ts';

const standby = (title: string): Finder => ({ spec: 'test/integration/pump-standby.spec.ts', title });

export const AUDIT_MUTANTS: readonly Mutant[] = [
  { name: 'a standby commits quiet batches', rule: 'K2', file: OWNER, find: 'if (!this.#isOthers) await this.#commit();', replace: 'await this.#commit();', by: standby('leaves quiet batches to the active') },
  { name: 'a standby forgets what it heard', rule: 'K2', file: OWNER, find: '    this.#expected = next;\n    this.#committedControl = control;', replace: '    this.#committedControl = control;', by: standby('goes on from what it hears that the active has committed') },
  { name: 'a standby marks first', rule: 'C2', file: PUMP, find: 'return isStandby ? this.#leaveFirstMark(partition, nowMs) : true;', replace: 'return true;', by: standby('leaves the first mark to the active') },
  { name: 'a standby never marks', rule: 'C2', file: PUMP, find: 'Object.assign(owned, { markedAtMs: nowMs,', replace: 'Object.assign(owned, { markedAtMs: Infinity,', by: standby('appends it 300 ms later if none has come') },
  { name: 'a standby closes nothing', rule: 'T5', file: PUMP, find: '(isStandby ? MARK_AGAIN_AFTER_MS : 0)', replace: '(isStandby ? Infinity : 0)', by: standby('closes within a second what is due') },
  { name: 'a checkpoint without ids', rule: 'K4', file: OWNER, find: 'snapshots: this.#fold.snapshots(), ids: this.#fold.idsSince(0) };', replace: 'snapshots: this.#fold.snapshots(), ids: [] };', by: SIMULATOR },
  { name: 'a checkpoint of what changed last', rule: 'V1', file: OWNER, find: 'snapshots: this.#fold.snapshots(), ids: this.#fold.idsSince(0) };', replace: 'snapshots: this.#fold.changedSince(next - 1), ids: this.#fold.idsSince(0) };', by: SIMULATOR },
  { name: 'verify compares no ids', rule: 'K4', file: STATES, find: 'compareIds(fold.idsSince(0), kept.ids, differences);', replace: '', by: SIMULATOR },
  { name: 'verify compares no position', rule: 'T1', file: STATES, find: 'comparePosition(fold, kept.meta, differences);', replace: '', by: SIMULATOR },
  { name: 'verify passes over what the store has lost', rule: 'K2', file: STATES, find: "if (store === undefined) differences.add(", replace: 'if (store === undefined) void (', by: SIMULATOR },
  { name: 'verify compares no fields of a snapshot', rule: 'V1', file: STATES, find: 'if (apart.length > 0) differences.add(firstApart(', replace: 'if (false) differences.add(firstApart(', by: SIMULATOR },
  { name: 'verify takes what was not told for told', rule: 'K3', file: TRANSITIONS, find: 'if (seen.has(identity) ||', replace: 'if (true ||', by: SIMULATOR },
  { name: 'verify compares no fields of a transition', rule: 'G1', file: TRANSITIONS, find: 'if (apart.length > 0) differences.add(entry.offset,', replace: 'if (false) differences.add(entry.offset,', by: SIMULATOR },
  { name: 'verify believes what was invented', rule: 'K3', file: TRANSITIONS, find: '} else if (isInvented(comparison, offset, transition)) {', replace: '} else if (false) {', by: SIMULATOR },
  { name: 'a rebuild passes what is misrouted', rule: 'L2', file: 'libs/audit/src/misplaced.ts', find: 'if (misrouted.length > 0) await outcomes.sendOn(misrouted);', replace: '', by: SIMULATOR },
  { name: 'a rebuild leaves what was there', rule: 'K2', file: REBUILD, find: 'commitId, expected, rewrite: true });', replace: 'commitId, expected });', by: SIMULATOR },
  { name: 'a rebuild tells what it did not commit', rule: 'K3', file: REBUILD, find: '  const left = await write(', replace: '  await ports.transitions.append([...untold.values()].map(({ transition }) => transition));\n  const left = await write(', by: SIMULATOR },
  { name: 'a rebuild without ids', rule: 'K4', file: REBUILD, find: 'ids: fold.idsSince(0), outbox };', replace: 'ids: [], outbox };', by: SIMULATOR },
];

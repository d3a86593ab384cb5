/** What must hold at every step, each by a name and in words. */
export const INVARIANTS = {
  'I1 state is the fold': 'what the store holds of a partition is what the naive fold of the log says at that offset, in that incarnation: clock, control offset, every snapshot, every id (K1, K4)',
  'I1 checkpoint': 'a checkpoint holds what the naive fold of the log says at its offset, and names that log: it could be begun from',
  'I2 I3 told as it is': 'every snapshot that a proxy takes is what the log says of that upstream at the version on it, never of what is not committed, and never an older one (K3, V1)',
  'I4 counted once': 'every call that a proxy reported and the log acknowledged is in the log once, by its id, with the same content each time, and none is left behind (L4, V6)',
  'I5 legal path': 'the transitions of an upstream, repeats dropped, are a path of the machine without gap: each begins where the one before ended (G1)',
  'I5 told at least once': 'every transition that the log made is in the transitions topic in the end (K3)',
  'I6 converged': 'once faults have stopped, everything comes to what the log says within a bounded time: the stores, the proxies, the reporters',
  'one content': 'one content for each (incarnation, upstream, generation), whoever made it (G1)',
  'verify': '`fuseboard verify` finds no difference in a fleet that has come to what the log says, and finds what was tampered with',
  'K2 never back': 'a commit that the store takes never brings it back to a lower offset of the same incarnation',
  'K3 nothing uncommitted': 'what is told in the transitions topic was committed before',
  'K5 what changed': 'a commit brings the snapshots that changed since the one before, and no others, unless it writes all again',
  'L2 sent on': 'a record of another partition, or one that can’t be read, is sent on before a commit passes it',
  'V1 never back': 'a proxy never goes back to an older version: it stamps the generation of the newest snapshot that it was given, or, its lease being over, the one after it (G3)',
  'V5 open refuses': 'while the state is open, known and its lease runs, no call is let through',
  'C4 unenforced refuses nothing': 'under a policy that isn’t enforced no call is refused, but for what somebody opened by hand',
  'T4 past its lease': 'no call is refused for a state whose lease is over by the log’s clock or by its own length since it was first seen',
  'T4 dead behind': 'when all behind a proxy is dead, every state that has an end ends there',
  'T2 corrected': 'once a proxy has heard a clock of the fleet, its own is off by no more than the fleet’s clocks and the way there and back',
  'V4 V7 without cause': 'no call is refused but for the shared state, for this proxy’s own judgement while that is unknown, or for a second after its own calls have reached an amount',
  'G3 lease counts': 'a call admitted under a locally expired lease is counted, unless the state has moved on, or the proxy’s clock was wrong by more than the tolerance (G2)',
  'T5 closed in time': 'with everything well, no state is left in force more than a second after its end',
  'no defect': 'the engine fails at nothing but what is out of reach',
} as const;

export type Invariant = keyof typeof INVARIANTS;

/** The first one that was broken, and how. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: Invariant;

  constructor(invariant: Invariant, how: string) {
    super(how);
    this.invariant = invariant;
  }
}

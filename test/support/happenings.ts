/** What the naive fold went through, counted, so that a property test can prove that it reached what it speaks of. */
import type { Tally } from '#engine';

export type Happening =
  | 'trip' | 'tripByCount' | 'expiry' | 'earlyExpiry' | 'tiedExpiry' | 'overrideExpiry' | 'instantExpiry' | 'setBack'
  | 'pulledSince' | 'pulledWindow' | 'pulledTrip' | 'forceOpen' | 'forceClosed' | 'forceAgain' | 'clear' | 'firstApply'
  | 'applyAgain' | 'change' | 'changeWhileOpen' | 'changeWhileForced' | 'keptWindow' | 'droppedWindow' | 'sameAgain' | 'directorys' | 'otherVersion'
  | 'delete' | 'deleteWhileOpen' | 'hostMoved' | 'secondRefused' | 'limitsOnly' | 'newWindow' | 'heldBack' | 'forgotten'
  | keyof Tally;

export type Reached = Map<Happening, number>;


/** A row of the fault matrix: one fault, brought about on real processes, and what must be true in spite of it. */
import type { Stage } from './stage.ts';

export interface Row {
  /** As it is asked for on the command line. */
  readonly id: string;
  readonly fault: string;
  /** How it is brought about. */
  readonly how: string;
  readonly promised: string;
  /** Among those of `--short`. */
  readonly isShort?: boolean;
  /** Gives what was seen. @throws Error where a promise was broken */
  run(stage: Stage): Promise<Seen>;
}

export interface Seen {
  /** In a few words, beside what the proof says. */
  readonly what: string;
  readonly figures?: readonly Figure[];
}

/** A measured time. Above its goal the row says so, and passes: a busy machine must not fail it. */
export interface Figure {
  readonly what: string;
  readonly seconds: number;
  readonly goalSeconds?: number;
}

/** @throws Error saying what was claimed */
export function claim(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`not so: ${what}`);
}

/** This machine can't bring the fault about. */
export class NotRun extends Error {
  override readonly name = 'NotRun';
}

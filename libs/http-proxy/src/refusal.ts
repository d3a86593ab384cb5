/**
 * The degraded answer of an open breaker. A decision is one frozen object for as long as nothing changes, so what is
 * sent for it is made once a second at most.
 */
import type { RefuseDecision } from './route.ts';
import { textAnswer, type OwnAnswer } from './own-answer.ts';

interface Prepared {
  /** Of `retry-after`; undefined: the refusal has no end. */
  readonly secondsLeft: number | undefined;
  readonly answer: OwnAnswer;
}

export class Refusals {
  readonly #prepared = new WeakMap<RefuseDecision, Prepared>();

  /** @param nowMs wall clock, the one that `untilMs` is on. */
  answer(decision: RefuseDecision, nowMs: number): OwnAnswer {
    const secondsLeft = secondsUntil(decision.untilMs, nowMs);
    const known = this.#prepared.get(decision);
    if (known !== undefined && known.secondsLeft === secondsLeft) return known.answer;
    const answer = prepare(decision, secondsLeft);
    this.#prepared.set(decision, { secondsLeft, answer });
    return answer;
  }
}

/** Rounded up; 1 at least, for a client that comes back at once would be refused again. */
function secondsUntil(untilMs: number | undefined, nowMs: number): number | undefined {
  return untilMs === undefined ? undefined : Math.max(1, Math.ceil((untilMs - nowMs) / 1_000));
}

function prepare(decision: RefuseDecision, secondsLeft: number | undefined): OwnAnswer {
  const { statusCode, content } = decision.degraded;
  const marks = ['x-fuseboard-state', 'open'];
  if (secondsLeft !== undefined) marks.push('retry-after', String(secondsLeft));
  return textAnswer(statusCode, content, marks);
}

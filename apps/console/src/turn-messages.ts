/**
 * Breakers as messages, made once for all who are told of them in one turn of the event loop: a thousand watchers of one
 * change get the same object, which is then encoded once as well (proto-definition.ts).
 */
import { breakerMessage, type BreakerMessage } from '#wire';
import type { BreakerView } from './breaker-view.ts';
import type { ReadModel } from './read-model.ts';

export class TurnMessages {
  /** By upstream; empty again after this turn. */
  readonly #messages = new Map<string, BreakerMessage>();

  /** To be made before whoever is told: what changes is forgotten here before it is told there. */
  constructor(model: Pick<ReadModel, 'onChange'>) {
    model.onChange((upstream) => void this.#messages.delete(upstream));
  }

  of(view: BreakerView): BreakerMessage {
    const { upstream } = view.snapshot;
    const known = this.#messages.get(upstream);
    if (known !== undefined) return known;
    const message = messageOf(view);
    if (this.#messages.size === 0) setImmediate(() => this.#messages.clear());
    this.#messages.set(upstream, message);
    return message;
  }
}

/** The view is as of now already, so there is no time at which anything in it ends. */
export function messageOf({ snapshot, partition }: BreakerView): BreakerMessage {
  return breakerMessage(snapshot, { partition, nowMs: 0 });
}

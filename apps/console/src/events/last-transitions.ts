/** Why each breaker is as it is: its newest transition, which the snapshot doesn't have. One for each upstream. */
import { isNewerGeneration, type Snapshot, type Stop, type Transition, type TransitionLog } from '#engine';

/** How many of the newest are read at the beginning: of upstreams that changed before those, each open one is asked for. */
const READ_FIRST = 1_000;
/** Open upstreams asked for one by one. */
const ASKED_MAX = 200;

export class LastTransitions {
  readonly #log: TransitionLog;
  readonly #last = new Map<string, Transition>();
  readonly #onNews: (upstream: string) => void;

  /** @param onNews there is a newer one of this upstream */
  constructor(log: TransitionLog, onNews: (upstream: string) => void) {
    this.#log = log;
    this.#onNews = onNews;
  }

  /** From now on, and what led here. @param open upstreams that are open now */
  async follow(open: () => Iterable<string>): Promise<Stop> {
    const stop = await this.#log.follow((transition) => this.#take(transition));
    try {
      const { transitions } = await this.#log.list({ limit: READ_FIRST });
      for (const transition of transitions) this.#take(transition);
      const untold = [...open()].filter((upstream) => !this.#last.has(upstream)).slice(0, ASKED_MAX);
      for (const upstream of untold) for (const transition of (await this.#log.list({ upstream, limit: 1 })).transitions) this.#take(transition);
      return stop;
    } catch (error) {
      await stop();
      throw error;
    }
  }

  /** The one that began this very state; undefined: not known (yet). */
  of({ upstream, incarnation, generation }: Snapshot): Transition | undefined {
    const last = this.#last.get(upstream);
    return last?.incarnation === incarnation && last.generation === generation ? last : undefined;
  }

  #take(transition: Transition): void {
    const { upstream } = transition;
    const known = this.#last.get(upstream);
    if (known !== undefined && !isNewerGeneration(transition, known)) return;
    this.#last.set(upstream, transition);
    this.#onNews(upstream);
  }
}

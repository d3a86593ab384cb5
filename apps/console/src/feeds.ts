/** Keeps the read model and those who follow fed: follows states and documents, and tries again for as long as a store is out of reach. */
import { Inject, Injectable } from '@nestjs/common';
import { DRIVERS } from '#drivers';
import type { Stop } from '#engine';
import { RUNTIME, keepFollowing, type Condition, type Runtime } from '#runtime';
import type { ConsoleDrivers } from './breaker-queries.ts';
import type { StateFanout } from './follow/state-fanout.ts';
import type { ReadModel } from './read-model.ts';

/** Who is told what comes in. */
export interface Fed {
  readonly model: ReadModel;
  readonly fanout: StateFanout;
}

/** Injection token of `Fed`. */
export const FED = Symbol('Fed');

@Injectable()
export class Feeds {
  readonly #model: ReadModel;
  readonly #fanout: StateFanout;
  readonly #drivers: ConsoleDrivers;
  readonly #runtime: Runtime;
  readonly #stops: Stop[] = [];
  /** Called when the states become complete, or cease to be. */
  onComplete: (complete: boolean) => void = () => {};

  constructor(@Inject(FED) { model, fanout }: Fed, @Inject(DRIVERS) drivers: ConsoleDrivers, @Inject(RUNTIME) runtime: Runtime) {
    this.#model = model;
    this.#fanout = fanout;
    this.#drivers = drivers;
    this.#runtime = runtime;
  }

  /** Returns at once; `ready` of the process's health says when both have come. */
  start(): void {
    const { health, metrics } = this.#runtime;
    const documents = health.condition('console documents', 'the documents have not come yet');
    const states = health.condition('console states', 'the states have not come yet');
    this.#follow('the documents', documents, () =>
      this.#drivers.documentFeed.follow((set) => {
        this.#model.applyDocuments(set);
        this.#fanout.applyDocuments(set);
        documents.ready();
      }),
    );
    this.#follow('the states', states, () =>
      this.#drivers.stateFeed.follow((update) => {
        this.#model.applyStates(update);
        this.#fanout.applyStates(update);
        metrics.statesHeard(update.partition, Date.now());
        this.#judge(states);
      }),
    );
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) await stop();
    this.#model.close();
    this.#fanout.close();
  }

  #judge(states: Condition): void {
    const incomplete = this.#model.incompleteBecause;
    if (incomplete === undefined) states.ready();
    else states.notReady(incomplete);
    this.onComplete(incomplete === undefined);
  }

  #follow(what: string, condition: Condition, follow: () => Promise<Stop>): void {
    this.#stops.push(keepFollowing(follow, { what, condition, logger: this.#runtime.logger }));
  }
}

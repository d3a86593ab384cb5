/** Heartbeats by way of the console that is followed, which puts them where the others' are. */
import type { Heartbeat, Present, PresenceTeller } from '#engine';
import { processMessage } from '#wire';
import type { ConsoleLink } from './console-link.ts';

export class ConsolePresence implements PresenceTeller {
  readonly #link: Pick<ConsoleLink, 'beat'>;

  constructor(link: Pick<ConsoleLink, 'beat'>) {
    this.#link = link;
  }

  /** Of now, whatever age they have. */
  async beat(beats: readonly Present[]): Promise<void> {
    for (const { heartbeat } of beats) this.#link.beat({ process: processMessage(heartbeat), leaving: false });
  }

  async leave(heartbeat: Heartbeat): Promise<void> {
    this.#link.beat({ process: processMessage(heartbeat), leaving: true });
  }
}

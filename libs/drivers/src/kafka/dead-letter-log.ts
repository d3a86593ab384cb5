/** What could not be read, byte for byte, with where it was found and why as headers (L1 outcomes.dead). */
import type { DeadLetter, DeadLetters } from '#engine';
import type { OnError } from '../drivers.ts';
import type { Appender, Draft } from './appender.ts';
import { typeOf } from './connectivity.ts';
import { asBuffer } from './outcome-log.ts';

export interface DeadLetterLogOptions {
  readonly topic: string;
  readonly appender: Appender;
  readonly ready: () => Promise<void>;
  readonly onError: OnError;
}

export class KafkaDeadLetters implements DeadLetters {
  readonly #options: DeadLetterLogOptions;

  constructor(options: DeadLetterLogOptions) {
    this.#options = options;
  }

  async append(letters: readonly DeadLetter[]): Promise<void> {
    await this.#options.ready();
    const drafts = letters.map((letter) => this.#draft(letter));
    try {
      await this.#options.appender.append(drafts);
    } catch (error) {
      if (typeOf(error) !== 'MESSAGE_TOO_LARGE') throw error;
      await this.#appendEach(drafts);
    }
  }

  /** What no broker takes must not hold up its partition for ever: it stays where it was found, its place is told. */
  async #appendEach(drafts: readonly Draft[]): Promise<void> {
    const { appender, onError } = this.#options;
    for (const draft of drafts) {
      try {
        await appender.append([draft]);
      } catch (error) {
        if (typeOf(error) !== 'MESSAGE_TOO_LARGE') throw error;
        onError(error, `writing the dead letter of ${place(draft)}: it is kept without key and value, as it is larger than ${draft.topic} takes`);
        const cut = { 'fuseboard-cut-bytes': `${(draft.key?.length ?? 0) + (draft.value?.length ?? 0)}` };
        await appender.append([{ ...draft, key: null, value: null, headers: { ...draft.headers, ...cut } }]);
      }
    }
  }

  /** Beside the others of its partition, so that they keep their order. */
  #draft({ partition, offset, reason, key, value }: DeadLetter): Draft {
    const headers = { 'fuseboard-partition': `${partition}`, 'fuseboard-offset': `${offset}`, 'fuseboard-reason': reason };
    return { topic: this.#options.topic, partition, key: key && asBuffer(key), value: value && asBuffer(value), headers };
  }
}

function place({ headers }: Draft): string {
  return `partition ${String(headers?.['fuseboard-partition'])}, offset ${String(headers?.['fuseboard-offset'])}`;
}

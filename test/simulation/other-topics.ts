/** The control topic, and the transitions topic with what has been told in it. */
import { Documents, type ControlDraft, type ControlRecord, type DocumentSet, type Transition } from '#engine';

export class ControlTopic {
  readonly records: ControlRecord[] = [];
  readonly #clockMs: () => number;
  readonly #listeners: (() => void)[] = [];
  readonly #documents = new Documents();
  #published: DocumentSet | undefined;
  #publishedTo = 0;

  constructor(clockMs: () => number) {
    this.#clockMs = clockMs;
  }

  append(entries: readonly ControlDraft[]): number {
    for (const entry of entries) {
      const offset = this.records.length;
      this.records.push({ offset, appendMs: this.#clockMs(), hash: `hash-${offset}`, ...entry });
    }
    for (const listener of this.#listeners) listener();
    return this.records.length - 1;
  }

  onAppend(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** V2: what proxies read; undefined: the store has lost it. */
  get published(): DocumentSet | undefined {
    return this.#published;
  }

  /** V2: up to its end as it is now. */
  publish(): void {
    for (; this.#publishedTo < this.records.length; this.#publishedTo++) this.#documents.apply(this.records[this.#publishedTo] as ControlRecord);
    if (this.#published?.control !== this.#publishedTo - 1) this.#published = { control: this.#publishedTo - 1, documents: [...this.#documents.list()] };
  }

  losePublished(): void {
    this.#published = undefined;
  }
}

/** By name (G1), what was told, repeats dropped. */
export class TransitionTopic {
  readonly told = new Map<string, Transition>();

  append(transitions: readonly Transition[]): void {
    for (const transition of transitions) this.told.set(nameOf(transition), transition);
  }
}

/** G1. */
export function nameOf({ incarnation, upstream, generation }: Pick<Transition, 'incarnation' | 'upstream' | 'generation'>): string {
  return `${upstream} ${incarnation}/${generation}`;
}

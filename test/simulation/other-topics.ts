/** The control topic, and the transitions topic with what has been told in it. */
import { Documents, type ControlDraft, type ControlRecord, type DocumentSet, type ToldTransition, type Transition } from '#engine';

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

export class TransitionTopic {
  /** By name (G1), what was told, repeats dropped. */
  readonly told = new Map<string, Transition>();
  readonly #partitionOf: (upstream: string) => number;
  readonly #clockMs: () => number;
  readonly #partitions: ToldTransition[][] = [];

  constructor(partitionOf: (upstream: string) => number, clockMs: () => number) {
    this.#partitionOf = partitionOf;
    this.#clockMs = clockMs;
  }

  append(transitions: readonly Transition[]): void {
    for (const transition of transitions) {
      this.told.set(nameOf(transition), transition);
      const records = (this.#partitions[this.#partitionOf(transition.upstream)] ??= []);
      records.push({ offset: records.length, appendMs: this.#clockMs(), transition });
    }
  }

  /** As it lies there, repeats included. */
  of(partition: number): readonly ToldTransition[] {
    return this.#partitions[partition] ?? [];
  }
}

/** G1. */
export function nameOf({ incarnation, upstream, generation }: Pick<Transition, 'incarnation' | 'upstream' | 'generation'>): string {
  return `${upstream} ${incarnation}/${generation}`;
}

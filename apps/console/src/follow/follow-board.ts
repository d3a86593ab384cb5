/** What followers are told from: the newest states and the documents in force, and their messages. */
import { StateBoard, documentKey, type BoardPartition, type Document, type DocumentSet } from '#engine';
import { FollowMessages, type DocumentsPart } from './follow-messages.ts';

/** Which fleet's: no proxy of another may follow. */
export interface FleetIdentity {
  readonly partitions: number;
  readonly topicPrefix: string;
}

interface HeldDocuments extends Pick<DocumentSet, 'control' | 'identity'> {
  readonly byKey: ReadonlyMap<string, Document>;
}

export class FollowBoard {
  readonly states: StateBoard;
  readonly #fleet: FleetIdentity;
  readonly #messages = new FollowMessages();
  #documents: HeldDocuments | undefined;

  /** @param monotonicMs never set back, ms */
  constructor(fleet: FleetIdentity, monotonicMs: () => number) {
    this.#fleet = fleet;
    this.states = new StateBoard(fleet.partitions, monotonicMs);
  }

  /** Undefined: none have come. */
  get documents(): HeldDocuments | undefined {
    return this.#documents;
  }

  /** V2. Gives the keys of what changed and of what is gone; undefined: it is an older set than the one here. */
  applyDocuments({ control, identity, documents }: DocumentSet): string[] | undefined {
    const before = this.#documents;
    if (before !== undefined && before.identity === identity && control < before.control) return undefined;
    const byKey = new Map(documents.map((document) => [documentKey(document), document]));
    // Objects that are the same keep their bytes.
    for (const [key, document] of byKey) {
      const known = before?.byKey.get(key);
      if (known?.version === document.version) byKey.set(key, known);
    }
    this.#documents = { control, byKey, ...(identity === undefined ? {} : { identity }) };
    const changed = [...byKey.keys()].filter((key) => before?.byKey.get(key) !== byKey.get(key));
    return [...changed, ...[...(before?.byKey.keys() ?? [])].filter((key) => !byKey.has(key))];
  }

  /** @throws Error it was never heard of */
  held(number: number): BoardPartition {
    const held = this.states.partition(number);
    if (held === undefined) throw new Error(`assertion: partition ${number} was never heard of`);
    return held;
  }

  breaker(partition: number, upstream: string): Uint8Array | undefined {
    const snapshot = this.states.partition(partition)?.snapshots.get(upstream);
    return snapshot && this.#messages.breaker(snapshot, partition);
  }

  /** Undefined: it is gone. */
  document(key: string): Uint8Array | undefined {
    const document = this.#documents?.byKey.get(key);
    return document && this.#messages.document(document);
  }

  fleetMessage(): Uint8Array {
    return this.#messages.fleet(this.#fleet.partitions, this.#fleet.topicPrefix);
  }

  /** How far each partition is, and its age. */
  beatMessage(): Uint8Array {
    return this.#messages.follow({ partitions: this.states.heard.map((held) => this.#part(held, [], false)) });
  }

  /** These states of these partitions, and nothing of others. */
  changesMessage(upstreams: ReadonlyMap<number, ReadonlySet<string>>): Uint8Array {
    const partitions = [...upstreams].map(([number, names]) => {
      const breakers = [...names].flatMap((upstream) => this.breaker(number, upstream) ?? []);
      return this.#part(this.held(number), breakers, false);
    });
    return this.#messages.follow({ partitions });
  }

  statesMessage(number: number, breakers: readonly Uint8Array[], more: boolean): Uint8Array {
    return this.#messages.follow({ partitions: [this.#part(this.held(number), breakers, more)] });
  }

  documentsMessage(part: Omit<DocumentsPart, 'identity' | 'control'>): Uint8Array {
    const { identity = '', control = -1 } = this.#documents ?? {};
    return this.#messages.follow({ documents: this.#messages.documents({ identity, control, ...part }) });
  }

  #part(held: BoardPartition, breakers: readonly Uint8Array[], more: boolean): Uint8Array {
    return this.#messages.partition(held, { ageMs: this.states.ageMs(held), breakers, more });
  }
}

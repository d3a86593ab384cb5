/**
 * The messages of `StateService.Follow`, as bytes. One message goes to a thousand followers, so it is encoded once; and a
 * thousand that begin together are each told everything, so each snapshot's and document's own bytes are kept for as long
 * as it is the newest. A message within a message is a length and its bytes, so the parts are joined as they are.
 */
import protobuf from 'protobufjs';
import { join } from 'node:path';
import { documentKey, type BoardPartition, type Document, type Snapshot } from '#engine';
import { PROTO_FILES, breakerMessage, metaMessage, protoDir } from '#wire';

export interface PartitionPart {
  readonly ageMs: number;
  readonly breakers: readonly Uint8Array[];
  readonly more: boolean;
}

export interface DocumentsPart {
  readonly identity: string;
  readonly control: number;
  readonly changed: readonly Uint8Array[];
  readonly gone: readonly string[];
  readonly more: boolean;
}

export interface FollowParts {
  readonly partitions?: readonly Uint8Array[];
  readonly documents?: Uint8Array;
}

export class FollowMessages {
  readonly #types = loadTypes();
  readonly #breakers = new WeakMap<Snapshot, Uint8Array>();
  readonly #documents = new WeakMap<Document, Uint8Array>();

  fleet(partitions: number, topicPrefix: string): Uint8Array {
    return encoded(this.#types.follow, { fleet: { partitions, topic_prefix: topicPrefix } }).finish();
  }

  follow({ partitions = [], documents }: FollowParts): Uint8Array {
    const writer = protobuf.Writer.create();
    append(writer, this.#types.follow, { partitions, ...(documents === undefined ? {} : { documents: [documents] }) });
    return writer.finish();
  }

  partition({ partition, meta }: BoardPartition, { ageMs, breakers, more }: PartitionPart): Uint8Array {
    const head = { partition, age_ms: Math.round(ageMs), more, ...(meta === undefined ? {} : { meta: metaMessage(meta) }) };
    const writer = encoded(this.#types.partition, head);
    append(writer, this.#types.partition, { breakers });
    return writer.finish();
  }

  documents({ changed, ...head }: DocumentsPart): Uint8Array {
    const writer = encoded(this.#types.documents, head);
    append(writer, this.#types.documents, { changed });
    return writer.finish();
  }

  /** As it is kept: at this clock nothing has ended. */
  breaker(snapshot: Snapshot, partition: number): Uint8Array {
    return kept(this.#breakers, snapshot, () => encoded(this.#types.breaker, breakerMessage(snapshot, { partition, nowMs: 0 })).finish());
  }

  document(document: Document): Uint8Array {
    return kept(this.#documents, document, () => encoded(this.#types.document, { key: documentKey(document), body: JSON.stringify(document.body) }).finish());
  }
}

function loadTypes(): Record<'follow' | 'partition' | 'documents' | 'breaker' | 'document', protobuf.Type> {
  const root = new protobuf.Root();
  const resolveByDefault = root.resolvePath.bind(root);
  root.resolvePath = (origin, target) => (target.startsWith('fuseboard/') ? join(protoDir(), target) : resolveByDefault(origin, target));
  root.loadSync([...PROTO_FILES], { keepCase: true }).resolveAll();
  const type = (name: string): protobuf.Type => root.lookupType(`fuseboard.v1.${name}`);
  return { follow: type('FollowResponse'), partition: type('PartitionState'), documents: type('DocumentChanges'), breaker: type('Breaker'), document: type('Document') };
}

function encoded(type: protobuf.Type, message: object): protobuf.Writer {
  return type.encode(type.fromObject(message));
}

/** Fields whose values are messages already encoded. */
function append(writer: protobuf.Writer, type: protobuf.Type, fields: Readonly<Record<string, readonly Uint8Array[]>>): void {
  for (const [name, values] of Object.entries(fields)) {
    const tag = ((type.fields[name] as protobuf.Field).id << 3) | LENGTH_DELIMITED;
    for (const value of values) writer.uint32(tag).bytes(value);
  }
}

/** The wire type of a message within a message. */
const LENGTH_DELIMITED = 2;

function kept<K extends object>(cache: WeakMap<K, Uint8Array>, key: K, make: () => Uint8Array): Uint8Array {
  let bytes = cache.get(key);
  if (bytes === undefined) cache.set(key, (bytes = make()));
  return bytes;
}

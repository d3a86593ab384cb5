/**
 * The documents in packs, for readers that want no bodies (0038): a tenth of the bytes, and a document that changes
 * changes one pack. Which pack, its key says. They are valid while the store's meta names them as those of its digest:
 * who writes documents and knows no packs leaves them behind, and readers go by the bodies meanwhile.
 */
import { hash } from 'node:crypto';
import { documentKey, type Document } from '#engine';
import { decodePack, encodePack, partitionOf } from '#wire';
import { mapInSlices } from './slices.ts';

const PACKS = 256;
/** Asked for at once, about: of 100,000 documents a megabyte. */
export const PACKS_AT_ONCE = 32;

/** By number. */
export async function packsOf(documents: readonly Document[]): Promise<Map<string, string>> {
  const byPack = new Map<number, Document[]>();
  for (const document of documents) {
    const pack = partitionOf(documentKey(document), PACKS);
    const others = byPack.get(pack);
    if (others === undefined) byPack.set(pack, [document]);
    else others.push(document);
  }
  const packed = await mapInSlices([...byPack], ([pack, some]) => [`${pack}`, encodePack(some)] as const, 1);
  return new Map(packed);
}

export class PackReader {
  /** As they were read last, by their texts' fingerprints. */
  #read: ReadonlyMap<string, readonly Document[]> = new Map();

  /**
   * Undefined: packed in a way that is not known here.
   * @throws Error a document can't be read
   */
  async documents(packs: ReadonlyMap<string, string>): Promise<Document[] | undefined> {
    const [before, read] = [this.#read, new Map<string, readonly Document[]>()];
    const inOrder = [...packs].toSorted(([a], [b]) => Number(a) - Number(b));
    const all = await mapInSlices(inOrder, ([pack, text]) => {
      const fingerprint = hash('sha256', `${pack} ${text}`, 'base64');
      const documents = before.get(fingerprint) ?? decodePack(text);
      if (documents !== undefined) read.set(fingerprint, documents);
      return documents;
    }, 1);
    if (all.includes(undefined)) return undefined;
    this.#read = read;
    return all.flatMap((documents) => documents as readonly Document[]);
  }

  forget(): void {
    this.#read = new Map();
  }
}

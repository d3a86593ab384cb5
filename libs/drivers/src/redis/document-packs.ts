/**
 * The documents in packs, for readers that want no bodies (0038): a tenth of the bytes, and a document that changes
 * changes one pack. Which pack, its key says. They are valid while the store's meta names them as those of its digest:
 * who writes documents and knows no packs leaves them behind, and readers go by the bodies meanwhile.
 */
import { documentKey, type Document, type DocumentSet } from '#engine';
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

/**
 * Undefined: packed in a way that is not known here.
 * @throws Error a document can't be read
 */
export async function documentsIn(packs: ReadonlyMap<string, Uint8Array>): Promise<Pick<DocumentSet, 'documents' | 'alike'> | undefined> {
  const inOrder = [...packs].toSorted(([a], [b]) => Number(a) - Number(b));
  const read = await mapInSlices(inOrder, ([, bytes]) => decodePack(bytes), 1);
  if (!read.every((pack) => pack !== undefined)) return undefined;
  const alike = read.flatMap((pack) => pack.alike);
  return { documents: read.flatMap(({ documents }) => documents), ...(alike.length > 0 && { alike }) };
}

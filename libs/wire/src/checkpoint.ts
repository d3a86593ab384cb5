/**
 * A checkpoint as a log keeps it: in parts, since a whole one may be larger than a broker takes. Made one by one, so that
 * who writes them can do other things in between.
 */
import type { Checkpoint, CheckpointHead, RememberedId, Snapshot } from '#engine';
import { Fields } from './fields.ts';
import { toText } from './json.ts';
import { encodeSnapshot, readSnapshot } from './snapshot.ts';

/** Of a part, about; a broker takes 1 MiB by default. */
const PART_CHARS_MAX = 262_144;
const PART_IDS_MAX = 8_192;
const ID_BYTES = 16;
/** Parts of checkpoints that are not whole yet: a writer that ended in the middle leaves some behind. */
const PENDING_MAX = 8;

interface Part {
  readonly head: CheckpointHead;
  /** Which writing of which writer; parts of two may lie among each other. */
  readonly writing: string;
  readonly index: number;
  readonly isLast: boolean;
  readonly snapshots: readonly Snapshot[];
  readonly ids: readonly RememberedId[];
}

/** @param writing told apart by it from every other writing */
export function* encodeCheckpoint({ snapshots, ids, ...head }: Checkpoint, writing: string): Generator<Uint8Array> {
  const { partition, incarnation, identity, next, clockMs, control } = head;
  const said = JSON.stringify({ v: 1, kind: 'checkpoint', partition, incarnation, identity, next, clock: clockMs, control, writing });
  let index = 0;
  const part = (content: string): Buffer => Buffer.from(`${said.slice(0, -1)},"part":${index++}${content}}`, 'utf8');
  for (const texts of snapshotChunks(snapshots)) yield part(`,"snapshots":[${texts.join(',')}]`);
  for (let from = 0; from < ids.length; from += PART_IDS_MAX) yield part(`,"ids":"${packed(ids.slice(from, from + PART_IDS_MAX))}"`);
  yield part(',"last":true');
}

/** Puts parts together, given in the order in which they lie in their log. */
export class CheckpointReader {
  readonly #pending = new Map<string, Part[]>();

  /** The checkpoint that this part makes whole. Throws `UnreadableRecord`. */
  take(bytes: Uint8Array): Checkpoint | undefined {
    const part = decodePart(bytes);
    const parts = part.index === 0 ? [] : this.#pending.get(part.writing);
    // Its beginning is gone, or a part of it is here twice.
    if (parts === undefined || parts.length !== part.index) return undefined;
    parts.push(part);
    this.#pending.delete(part.writing);
    if (part.isLast) return { ...part.head, snapshots: parts.flatMap(({ snapshots }) => snapshots), ids: parts.flatMap(({ ids }) => ids) };
    this.#pending.set(part.writing, parts);
    for (const [writing] of this.#pending) if (this.#pending.size > PENDING_MAX) this.#pending.delete(writing);
    return undefined;
  }
}

function decodePart(bytes: Uint8Array): Part {
  const fields = Fields.of('a checkpoint', bytes);
  fields.oneOf('kind', ['checkpoint']);
  const [partition, incarnation, next] = [fields.integer('partition'), fields.integer('incarnation'), fields.integer('next')];
  const head = { partition, incarnation, identity: fields.text('identity'), next, clockMs: fields.integer('clock'), control: fields.integer('control', -1) };
  return {
    head,
    writing: fields.text('writing'),
    index: fields.integer('part'),
    isLast: fields.has('last'),
    snapshots: readSnapshots(fields),
    ids: fields.has('ids') ? unpacked(fields.text('ids')) : [],
  };
}

function* snapshotChunks(snapshots: readonly Snapshot[]): Generator<readonly string[]> {
  let texts: string[] = [];
  let room = PART_CHARS_MAX;
  for (const snapshot of snapshots) {
    const text = toText(encodeSnapshot(snapshot));
    if (text.length > room && texts.length > 0) {
      yield texts;
      texts = [];
      room = PART_CHARS_MAX;
    }
    texts.push(text);
    room -= text.length;
  }
  if (texts.length > 0) yield texts;
}

function readSnapshots(fields: Fields): Snapshot[] {
  const list = fields.raw('snapshots') ?? [];
  if (!Array.isArray(list)) return fields.fail('snapshots', 'an array');
  return (list as readonly unknown[]).map((each) => readSnapshot(Fields.within('a snapshot', each)));
}

/** Offset and hash of each, unsigned and big-endian, in base64. */
function packed(ids: readonly RememberedId[]): string {
  const bytes = Buffer.allocUnsafe(ids.length * ID_BYTES);
  for (const [index, { offset, hash }] of ids.entries()) {
    bytes.writeBigUInt64BE(BigInt(offset), index * ID_BYTES);
    bytes.writeBigUInt64BE(hash, index * ID_BYTES + 8);
  }
  return bytes.toString('base64');
}

function unpacked(text: string): RememberedId[] {
  const bytes = Buffer.from(text, 'base64');
  return Array.from({ length: Math.floor(bytes.length / ID_BYTES) }, (_, index) => ({
    offset: Number(bytes.readBigUInt64BE(index * ID_BYTES)),
    hash: bytes.readBigUInt64BE(index * ID_BYTES + 8),
  }));
}

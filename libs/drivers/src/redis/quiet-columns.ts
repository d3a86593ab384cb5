import { isNewer, type PartitionMeta, type QuietStates, type Snapshot, type StateUpdate } from '#engine';
import { decodeSnapshot, scanQuiet, type ScannedQuiet } from '#wire';
import { mapInSlices } from './slices.ts';

/** Bytes of a name, about. */
const NAME_BYTES = 32;

/** Snapshots of one partition after the other, those that are quiet in the same columns, so that a start doesn't leave a set of each behind. */
export class QuietReader {
  #columns = new QuietColumns(0);

  /**
   * The values of a `:snapshots` hash, in no order, as they are in it: those that are quiet and not newer than `upTo` as
   * columns, which hold until it reads again; all others as snapshots.
   */
  async read(values: readonly Buffer[], upTo: Pick<PartitionMeta, 'incarnation' | 'next'>): Promise<Pick<StateUpdate, 'snapshots' | 'quiet'>> {
    if (this.#columns.room < values.length) this.#columns = new QuietColumns(values.length);
    const columns = this.#columns;
    columns.clear();
    const read = await mapInSlices(values, (value): Snapshot | undefined => (columns.take(value, upTo) ? undefined : decodeSnapshot(value)));
    return { snapshots: read.filter((snapshot) => snapshot !== undefined), quiet: columns };
  }

  /** What was read is held no more. */
  forget(): void {
    this.#columns = new QuietColumns(0);
  }
}

class QuietColumns implements QuietStates {
  readonly room: number;
  readonly incarnations: Float64Array;
  readonly generations: Float64Array;
  readonly nexts: Float64Array;
  readonly canTrip: Uint8Array;
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  #bytes: Buffer;
  #size = 0;

  constructor(room: number) {
    this.room = room;
    [this.incarnations, this.generations, this.nexts] = [new Float64Array(room), new Float64Array(room), new Float64Array(room)];
    [this.#starts, this.#ends] = [new Uint32Array(room), new Uint32Array(room)];
    this.canTrip = new Uint8Array(room);
    this.#bytes = Buffer.alloc(room * NAME_BYTES);
  }

  get size(): number {
    return this.#size;
  }

  get upstreams(): QuietStates['upstreams'] {
    return { bytes: this.#bytes, starts: this.#starts, ends: this.#ends };
  }

  clear(): void {
    this.#size = 0;
  }

  /** @returns false: it isn't one of them */
  take(value: Buffer, upTo: Pick<PartitionMeta, 'incarnation' | 'next'>): boolean {
    const scanned = scanQuiet(value);
    if (scanned === undefined || isNewer(scanned, upTo)) return false;
    const row = this.#size++;
    this.incarnations[row] = scanned.incarnation;
    this.generations[row] = scanned.generation;
    this.nexts[row] = scanned.next;
    this.canTrip[row] = scanned.canTrip ? 1 : 0;
    this.#name(row, scanned);
    return true;
  }

  #name(row: number, { memory, nameFrom, nameTo }: ScannedQuiet): void {
    const start = row === 0 ? 0 : (this.#ends[row - 1] as number);
    const end = start + nameTo - nameFrom;
    if (end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(end)]);
    for (let at = nameFrom; at < nameTo; at++) this.#bytes[start + at - nameFrom] = memory[at] as number;
    this.#starts[row] = start;
    this.#ends[row] = end;
  }
}

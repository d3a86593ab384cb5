import { isNewer, type PartitionMeta, type QuietStates, type Snapshot, type StateUpdate } from '#engine';
import { decodeSnapshot, scanQuiet, type ScannedQuiet } from '#wire';
import { mapInSlices } from './slices.ts';

const FIRST_ROWS = 1_024;
/** Bytes of a name, about. */
const NAME_BYTES = 32;

/** Snapshots of one partition after the other, those that are quiet in the same columns, so that a start doesn't leave a set of each behind. */
export class QuietReader {
  #columns = new QuietColumns();

  /**
   * The values of a `:snapshots` hash, in no order, as they are in it: those that are quiet and not newer than `upTo` as
   * columns, which hold until it reads again; all others as snapshots.
   */
  async read(values: readonly Buffer[], upTo: Pick<PartitionMeta, 'incarnation' | 'next'>): Promise<Pick<StateUpdate, 'snapshots' | 'quiet'>> {
    const columns = this.#columns;
    columns.clear();
    const read = await mapInSlices(values, (value): Snapshot | undefined => (columns.take(value, upTo) ? undefined : decodeSnapshot(value)));
    return { snapshots: read.filter((snapshot) => snapshot !== undefined), quiet: columns };
  }

  /** What was read is held no more. */
  forget(): void {
    this.#columns = new QuietColumns();
  }
}

class QuietColumns implements QuietStates {
  incarnations = new Float64Array(FIRST_ROWS);
  generations = new Float64Array(FIRST_ROWS);
  nexts = new Float64Array(FIRST_ROWS);
  canTrip = new Uint8Array(FIRST_ROWS);
  #starts = new Uint32Array(FIRST_ROWS);
  #ends = new Uint32Array(FIRST_ROWS);
  #bytes = Buffer.alloc(FIRST_ROWS * NAME_BYTES);
  #size = 0;

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
    if (row === this.#ends.length) this.#grow();
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

  #grow(): void {
    const rows = 2 * this.#ends.length;
    this.incarnations = withRoom(this.incarnations, new Float64Array(rows));
    this.generations = withRoom(this.generations, new Float64Array(rows));
    this.nexts = withRoom(this.nexts, new Float64Array(rows));
    this.canTrip = withRoom(this.canTrip, new Uint8Array(rows));
    this.#starts = withRoom(this.#starts, new Uint32Array(rows));
    this.#ends = withRoom(this.#ends, new Uint32Array(rows));
  }
}

function withRoom<T extends Float64Array | Uint32Array | Uint8Array>(column: T, larger: T): T {
  larger.set(column);
  return larger;
}

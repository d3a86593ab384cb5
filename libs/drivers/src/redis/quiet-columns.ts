import { isNewer, type PartitionMeta, type QuietStates, type Snapshot, type StateUpdate } from '#engine';
import { decodeSnapshot, scanQuiet, type ScannedQuiet } from '#wire';
import { mapInSlices } from './slices.ts';

/** Bytes of a name, about. */
const NAME_BYTES = 32;

/**
 * The values of a `:snapshots` hash, in no order, as they are in it: those that are quiet and not newer than `upTo` as
 * columns, all others as snapshots.
 */
export async function readApart(values: readonly Buffer[], upTo: Pick<PartitionMeta, 'incarnation' | 'next'>): Promise<Pick<StateUpdate, 'snapshots' | 'quiet'>> {
  const columns = new QuietColumns(values);
  let index = 0;
  const read = await mapInSlices(values, (value) => (columns.take(index++, upTo) ? undefined : decodeSnapshot(value)));
  return { snapshots: read.filter((snapshot) => snapshot !== undefined), quiet: columns };
}

class QuietColumns implements QuietStates {
  readonly incarnations: Float64Array;
  readonly generations: Float64Array;
  readonly nexts: Float64Array;
  readonly canTrip: Uint8Array;
  readonly #values: readonly Buffer[];
  /** Which of the values each is of. */
  readonly #places: Uint32Array;
  readonly #starts: Uint32Array;
  readonly #ends: Uint32Array;
  #bytes: Buffer;
  #size = 0;

  constructor(values: readonly Buffer[]) {
    const { length } = values;
    this.#values = values;
    [this.incarnations, this.generations, this.nexts] = [new Float64Array(length), new Float64Array(length), new Float64Array(length)];
    [this.#places, this.#starts, this.#ends] = [new Uint32Array(length), new Uint32Array(length), new Uint32Array(length)];
    this.canTrip = new Uint8Array(length);
    this.#bytes = Buffer.alloc(length * NAME_BYTES);
  }

  get size(): number {
    return this.#size;
  }

  get upstreams(): QuietStates['upstreams'] {
    return { bytes: this.#bytes, starts: this.#starts, ends: this.#ends };
  }

  at(index: number): Snapshot {
    return decodeSnapshot(this.#values[this.#places[index] as number] as Buffer);
  }

  /** @returns false: it isn't one of them */
  take(place: number, upTo: Pick<PartitionMeta, 'incarnation' | 'next'>): boolean {
    const scanned = scanQuiet(this.#values[place] as Buffer);
    if (scanned === undefined || isNewer(scanned, upTo)) return false;
    const row = this.#size++;
    this.#places[row] = place;
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
    if (end > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    for (let at = nameFrom; at < nameTo; at++) this.#bytes[start + at - nameFrom] = memory[at] as number;
    this.#starts[row] = start;
    this.#ends[row] = end;
  }
}

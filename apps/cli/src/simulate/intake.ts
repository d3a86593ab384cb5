/** Lines in, calls out: each line is read, and what can't be is counted, with the first few places. */
import type { LineHearer } from './line-cutter.ts';
import { LINE_BYTES_MAX } from './line-cutter.ts';
import type { FormatFinder, FoundFormat } from './access/formats.ts';
import { FORMAT_ALLOWED } from './access/formats.ts';
import { Failure } from '../failure.ts';
import type { Simulation } from './simulation.ts';

/** Unreadable lines that are told with their place. */
const PLACES_MAX = 5;

export interface Unreadable {
  readonly place: string;
  readonly why: string;
}

export interface IntakeOptions {
  readonly simulation: Simulation;
  readonly format: FormatFinder;
  /** The policies name more than one upstream, so a line must say which it is about. */
  readonly isNameNeeded: boolean;
  /** Every call is one of it, whatever the line says. */
  readonly upstream?: string;
}

export class Intake implements LineHearer {
  readonly #options: IntakeOptions;
  readonly #files: { readonly name: string; readonly before: number }[] = [];
  /** Of the present file; undefined: no line has told it yet. */
  #found: FoundFormat | undefined;
  /** Of all files; each is a record's offset. */
  lines = 0;
  read = 0;
  unreadable = 0;
  /** Lines that tell of no call that an upstream answers for (O3). */
  noCalls = 0;
  readonly firstUnreadable: Unreadable[] = [];

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  begin(name: string): void {
    this.#files.push({ name, before: this.lines });
    this.#found = undefined;
  }

  line(bytes: Buffer, start: number, end: number): void {
    this.lines++;
    if (start === end) return;
    const { upstream, simulation } = this.#options;
    this.#found ??= this.#find(bytes.toString('utf8', start, end));
    const reading = this.#found === undefined ? `it is of no format that is known; allowed: --format ${FORMAT_ALLOWED}` : this.#found.reader(bytes, start, end);
    if (typeof reading === 'string') this.#refuse(reading);
    else if (reading === undefined) this.noCalls++;
    else {
      this.read++;
      const outcome = upstream === undefined ? reading : { ...reading, upstream };
      simulation.take(outcome, this.lines, outcome.atMs);
    }
  }

  tooLong(): void {
    this.lines++;
    this.#refuse(`it has more than ${LINE_BYTES_MAX} bytes`);
  }

  /** Where the record of an offset stands: `FILE:LINE`. */
  placeOf(offset: number): string {
    const file = this.#files.findLast(({ before }) => before < offset);
    return file === undefined ? `line ${offset}` : `${file.name}:${offset - file.before}`;
  }

  /** @throws {Failure} */
  #find(line: string): FoundFormat | undefined {
    const { format, upstream, isNameNeeded } = this.#options;
    const found = format(line);
    if (found === undefined || found.namesUpstream || upstream !== undefined || !isNameNeeded) return found;
    throw new Failure(`${this.#files.at(-1)?.name}: its lines (${found.name}) name no upstream, and the policies name several; allowed: --upstream NAME`, 2);
  }

  #refuse(why: string): void {
    this.unreadable++;
    if (this.firstUnreadable.length < PLACES_MAX) this.firstUnreadable.push({ place: this.placeOf(this.lines), why });
  }
}

/**
 * Cuts a stream of bytes into lines. A line that lies whole within a chunk is shown where it is; only one that a chunk's
 * end cuts is put together. So ten million lines cost no copies, and memory holds one chunk and one unfinished line.
 */

/** A longer line is not kept, but counted as one that can't be read. */
export const LINE_BYTES_MAX = 1_048_576;

const NEWLINE = 10;
const RETURN = 13;
const EMPTY = Buffer.alloc(0);

export interface LineHearer {
  /** One line, without its end: bytes from `start` to before `end`, good until this returns. */
  line(bytes: Buffer, start: number, end: number): void;
  /** A line of more than LINE_BYTES_MAX, which isn't shown. */
  tooLong(): void;
}

export class LineCutter {
  readonly #hearer: LineHearer;
  /** What a chunk's end cut off; bounded by LINE_BYTES_MAX. */
  #pieces: Buffer[] = [];
  #keptBytes = 0;

  constructor(hearer: LineHearer) {
    this.#hearer = hearer;
  }

  push(chunk: Buffer): void {
    let start = 0;
    if (this.#keptBytes > 0) {
      const end = chunk.indexOf(NEWLINE);
      this.#keep(end === -1 ? chunk : chunk.subarray(0, end));
      if (end === -1) return;
      this.#tellKept();
      start = end + 1;
    }
    for (let end = chunk.indexOf(NEWLINE, start); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#tell(chunk, start, end);
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** The last line may have no end. */
  end(): void {
    if (this.#keptBytes > 0) this.#tellKept();
  }

  #tell(bytes: Buffer, start: number, end: number): void {
    const last = end > start && bytes[end - 1] === RETURN ? end - 1 : end;
    if (last - start > LINE_BYTES_MAX) this.#hearer.tooLong();
    else this.#hearer.line(bytes, start, last);
  }

  /** A copy: whoever reads the stream may use the chunk's memory again. */
  #keep(piece: Buffer): void {
    this.#keptBytes += piece.length;
    if (this.#keptBytes > LINE_BYTES_MAX + 1) this.#pieces = [];
    else this.#pieces.push(Buffer.from(piece));
  }

  #tellKept(): void {
    if (this.#keptBytes > LINE_BYTES_MAX + 1) this.#hearer.tooLong();
    else {
      const line = this.#pieces.length === 1 ? (this.#pieces[0] ?? EMPTY) : Buffer.concat(this.#pieces);
      this.#tell(line, 0, line.length);
    }
    this.#pieces = [];
    this.#keptBytes = 0;
  }
}

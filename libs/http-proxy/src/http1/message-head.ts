/**
 * The head of a message as it lies on the wire: its text, and where in it each name and value stands. Most headers go on
 * as they came, so nothing is cut out of the text that nobody asks for.
 */
export class MessageHead {
  /** Latin1, from the message's first byte to the end of the last value; line ends as they came. */
  text = '';
  /** Of the request target, or of the reason phrase. */
  lineFrom = 0;
  lineTo = 0;
  /** 1xx to 5xx of a response, else 0. */
  statusCode = 0;
  /** Name from, name to, value from, value to, name from … of `count` headers. */
  readonly spans: number[] = [];
  count = 0;

  clear(): void {
    this.text = '';
    this.lineFrom = 0;
    this.lineTo = 0;
    this.statusCode = 0;
    this.count = 0;
  }

  nameFrom(n: number): number {
    return this.spans[n * 4] as number;
  }

  nameLength(n: number): number {
    return (this.spans[n * 4 + 1] as number) - (this.spans[n * 4] as number);
  }

  name(n: number): string {
    return this.text.slice(this.spans[n * 4], this.spans[n * 4 + 1]);
  }

  /** Without the white space around it (RFC 9110 5.5). */
  value(n: number): string {
    return withoutSpace(this.text.slice(this.spans[n * 4 + 2], this.spans[n * 4 + 3]));
  }

  /** @param lower in lower case, letters and `-` only. */
  isNamed(n: number, lower: string): boolean {
    const from = this.spans[n * 4] as number;
    const { text } = this;
    for (let i = 0; i < lower.length; i++) if ((text.charCodeAt(from + i) | 0x20) !== lower.charCodeAt(i)) return false;
    return this.nameLength(n) === lower.length;
  }

  /** Where the line of this header begins and, for `count`, where the last one's ended. */
  lineOf(n: number): number {
    if (n < this.count) return this.spans[n * 4] as number;
    return this.text.length;
  }
}

/** Spaces and tabs alone: `trim` would take bytes beyond ASCII too, and make a name of what is none. */
export function withoutSpace(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && isSpace(value.charCodeAt(from))) from++;
  while (from < to && isSpace(value.charCodeAt(to - 1))) to--;
  return to - from === value.length ? value : value.slice(from, to);
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/**
 * What of a head goes on: runs of lines as they came, and lines of our own. A run is copied as one piece where its lines
 * follow each other as RFC 9112 writes them.
 */
export class HeadText {
  readonly #head: MessageHead;
  #text: string;
  #from: number;
  #to: number;

  /** @param text what stands before it. @param from a place in the head from which on all is kept; equal to `to`: nothing yet. */
  constructor(head: MessageHead, start: { readonly text: string; readonly from: number; readonly to: number }) {
    this.#head = head;
    this.#text = start.text;
    this.#from = start.from;
    this.#to = start.to;
  }

  /** Header n goes on as it came. */
  keep(n: number): void {
    const { spans, text } = this.#head;
    const nameFrom = spans[n * 4] as number;
    const nameTo = spans[n * 4 + 1] as number;
    const valueFrom = spans[n * 4 + 2] as number;
    const valueTo = spans[n * 4 + 3] as number;
    // `: ` between name and value, and its line right behind the one before.
    if (valueFrom !== nameTo + 2 || valueTo === valueFrom) {
      this.line(text.slice(nameFrom, nameTo), this.#head.value(n));
      return;
    }
    if (this.#to !== this.#from && nameFrom === this.#to + 2) {
      this.#to = valueTo;
      return;
    }
    this.#flush();
    this.#from = nameFrom;
    this.#to = valueTo;
  }

  line(name: string, value: string): void {
    this.#flush();
    this.#text += `${name}: ${value}\r\n`;
  }

  /** @param tail whole lines. */
  end(tail: string): string {
    this.#flush();
    return this.#text + tail;
  }

  #flush(): void {
    if (this.#to === this.#from) return;
    this.#text += `${this.#head.text.slice(this.#from, this.#to)}\r\n`;
    this.#from = 0;
    this.#to = 0;
  }
}

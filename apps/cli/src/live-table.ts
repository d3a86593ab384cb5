/** The breakers as a table that stays where it is on a terminal, drawn anew when something changes and each second. */
import { paint, type Colour } from './colour.ts';
import { HEADING, roughly, row, untilOf, type ShownBreaker } from './shown.ts';
import { table } from './table.ts';

/** Another screen than the shell's, without a cursor; and back. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME_AND_CLEAR = '\u001b[H\u001b[J';
/** Changes that come together are drawn together. */
const DRAW_AFTER_MS = 50;
const SECOND_MS = 1_000;

export class LiveTable {
  /** Bounded by how many the console has. */
  readonly #breakers = new Map<string, ShownBreaker>();
  readonly #out = process.stdout;
  readonly #clock = setInterval(() => this.#draw(), SECOND_MS);
  readonly #server: string;
  #pending: NodeJS.Timeout | undefined;
  #cut = '';

  constructor(server: string) {
    this.#server = server;
    this.#out.write(ENTER);
    this.#out.on('resize', this.#draw);
  }

  tell(breaker: ShownBreaker): void {
    this.#breakers.set(breaker.upstream, breaker);
    this.#soon();
  }

  /** Instead of a line on standard error, which would break the picture. */
  cut(text: string): void {
    this.#cut = text;
    this.#soon();
  }

  goesOn(): void {
    this.cut('');
  }

  end(): void {
    clearInterval(this.#clock);
    clearTimeout(this.#pending);
    this.#out.off('resize', this.#draw);
    this.#out.write(LEAVE);
  }

  #soon(): void {
    this.#pending ??= setTimeout(this.#draw, DRAW_AFTER_MS);
  }

  readonly #draw = (): void => {
    clearTimeout(this.#pending);
    this.#pending = undefined;
    const { columns, rows } = sizeOf(this.#out);
    // A line for what is not shown, one for the heading of it all.
    const lines = tableLines([...this.#breakers.values()], rows - 3);
    const open = [...this.#breakers.values()].filter(({ admit }) => admit === 0).length;
    const head = `${this.#breakers.size} ${this.#breakers.size === 1 ? 'breaker' : 'breakers'} at ${this.#server}, ${open} open. Ctrl-C ends this.`;
    const first: Line = this.#cut === '' ? { text: head } : { text: this.#cut, colour: 'yellow' };
    this.#out.write(`${HOME_AND_CLEAR}${[first, ...lines].map((line) => drawn(line, columns)).join('\n')}`);
  };
}

/** A terminal that doesn't know its size says 0. */
function sizeOf({ columns, rows }: { readonly columns: number; readonly rows: number }): { columns: number; rows: number } {
  return { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 };
}

interface Line {
  readonly text: string;
  readonly colour?: Colour;
}

/** Open ones first, by name; as many as there is room for. */
function tableLines(breakers: readonly ShownBreaker[], rowsMax: number): Line[] {
  const sorted = breakers.toSorted((a, b) => a.admit - b.admit || (a.state === b.state ? 0 : a.state === 'open' ? -1 : 1) || (a.upstream < b.upstream ? -1 : 1));
  const shown = sorted.slice(0, Math.max(1, rowsMax - 1));
  const [heading = '', ...lines] = table([HEADING.with(UNTIL, 'ENDS IN'), ...shown.map(rowNow)]).split('\n');
  const rest = sorted.length - shown.length;
  const rows = lines.map((text, n): Line => (shown[n]?.admit === 0 ? { text, colour: 'red' } : { text }));
  return [{ text: heading, colour: 'bold' }, ...rows, ...(rest > 0 ? [{ text: `and ${rest} more` }] : [])];
}

const UNTIL = HEADING.indexOf('UNTIL');

/** What is drawn each second says the time that is left. */
function rowNow(breaker: ShownBreaker): string[] {
  const until = untilOf(breaker);
  return row(breaker).with(UNTIL, until === undefined ? '-' : roughly(Date.parse(until) - Date.now()));
}

/** Cut to the terminal's width first, so that no colour is left on. */
function drawn({ text, colour }: Line, columns: number): string {
  const fitting = text.slice(0, columns);
  return colour === undefined ? fitting : paint(colour, fitting);
}

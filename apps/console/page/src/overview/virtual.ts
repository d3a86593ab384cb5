/** Of a list as long as it may be, the rows that can be seen: all are of one height, and the page itself scrolls. */

export interface Seen {
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

export interface View {
  readonly rows: number;
  readonly rowPx: number;
  /** The window's top edge, from the list's; below 0 while the list begins further down. */
  readonly topPx: number;
  readonly heightPx: number;
}

/** Rows beyond either edge, so that a quick scroll shows no gap. */
const BEYOND = 6;

export function seen({ rows, rowPx, topPx, heightPx }: View): Seen {
  const from = Math.floor(topPx / rowPx) - BEYOND;
  const to = Math.ceil((topPx + heightPx) / rowPx) + BEYOND;
  return { from: Math.min(rows, Math.max(0, from)), to: Math.min(rows, Math.max(0, to)) };
}

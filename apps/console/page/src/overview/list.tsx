/** The list of upstreams, of which only what can be seen is there. Arrow keys, j and k go from row to row. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Breaker } from '../live/breaker.ts';
import { Row } from './row.tsx';
import { seen } from './virtual.ts';

const WIDE_ROW_PX = 76;
const NARROW_ROW_PX = 184;
const narrow = matchMedia('(max-width: 760px)');

export function List({ upstreams }: { readonly upstreams: readonly Breaker[] }) {
  const list = useRef<HTMLUListElement>(null);
  const wanted = useRef<number>(undefined);
  const [, draw] = useState(0);
  useEffect(() => {
    const again = (): void => draw((count) => count + 1);
    addEventListener('scroll', again, { passive: true });
    addEventListener('resize', again);
    return () => {
      removeEventListener('scroll', again);
      removeEventListener('resize', again);
    };
  }, []);
  const rowPx = narrow.matches ? NARROW_ROW_PX : WIDE_ROW_PX;
  const offsetPx = list.current?.offsetTop ?? 0;
  const { from, to } = seen({ rows: upstreams.length, rowPx, topPx: scrollY - offsetPx, heightPx: innerHeight });
  // The row that the keys went to may have been out of sight, and not there, until now.
  useLayoutEffect(() => {
    const row = wanted.current === undefined ? null : (list.current?.querySelector<HTMLElement>(`[data-row="${wanted.current}"]`) ?? null);
    if (row === null) return;
    wanted.current = undefined;
    row.focus({ preventScroll: true });
  });
  const step = (event: KeyboardEvent): void => {
    const by = STEPS[event.key];
    const at = event.target instanceof HTMLElement ? Number(event.target.dataset['row']) : Number.NaN;
    if (by === undefined || Number.isNaN(at)) return;
    event.preventDefault();
    const target = Math.min(upstreams.length - 1, Math.max(0, at + by));
    wanted.current = target;
    reveal(offsetPx + target * rowPx, rowPx);
    draw((count) => count + 1);
  };
  const rows = upstreams.slice(from, to).map((breaker, index) => <Row key={breaker.upstream} breaker={breaker} index={from + index} rows={upstreams.length} topPx={(from + index) * rowPx} />);
  return (
    <ul ref={list} class="list" style={{ height: `${upstreams.length * rowPx}px` }} onKeyDown={step} aria-label="Upstreams">
      {rows}
    </ul>
  );
}

const STEPS: Readonly<Record<string, number>> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };

/** What stands above the list while it is scrolled, px. */
const BAR_PX = 128;

function reveal(topPx: number, rowPx: number): void {
  if (topPx < scrollY + BAR_PX) scrollTo(0, topPx - BAR_PX);
  else if (topPx + rowPx > scrollY + innerHeight) scrollTo(0, topPx + rowPx - innerHeight);
}

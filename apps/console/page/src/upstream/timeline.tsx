/** The last minutes: calls by what became of them, how near the window was to its threshold, and changes of state. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Breaker, Transition } from '../live/breaker.ts';
import { store } from '../live/store.ts';
import { amount, moment, plural, span } from '../shared/words.ts';
import { barsUpTo, countedSince, NONE, plus, type Bar, type RecentOutcomes, type Tally } from './outcomes.ts';

const BARS = 60;
const WIDTH = 600;
const BARS_HEIGHT = 130;
const CURVE_HEIGHT = 70;
const TOP = 1.25;

interface TimelineProps {
  readonly breaker: Breaker;
  readonly recent: RecentOutcomes;
  readonly transitions: readonly Transition[];
  readonly spanMs: number;
}

export function Timeline({ breaker, recent, transitions, spanMs }: TimelineProps) {
  const tallies = useTallies(breaker, recent);
  const nowMs = store.nowMs.value;
  const bars = barsUpTo(nowMs, { bucketMs: recent.bucket_ms, count: BARS, tallies });
  const most = Math.max(1, ...bars.map(({ calls }) => calls));
  const beginMs = bars[0]?.atMs ?? nowMs;
  const xOf = (atMs: number): number => ((atMs - beginMs) / (BARS * recent.bucket_ms)) * WIDTH;
  const marks = transitions.filter(({ at }) => Date.parse(at) >= beginMs);
  const sum = bars.reduce<Tally>(plus, NONE);
  return (
    <figure class="timeline">
      <Legend />
      <div class="plot">
        <span class="plot-top">{plural(most, 'call')} in {span(recent.bucket_ms)}</span>
        <svg viewBox={`0 0 ${WIDTH} ${BARS_HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`In ${span(spanMs)}: ${plural(sum.calls, 'call')}, ${plural(sum.errors, 'error')}, ${amount(sum.slow)} slow`}>
          {bars.map((bar) => (
            <Stack key={bar.atMs} bar={bar} most={most} x={xOf(bar.atMs)} />
          ))}
          <Marks transitions={marks} xOf={xOf} height={BARS_HEIGHT} />
        </svg>
      </div>
      {spanMs <= 120_000 && (
        <div class="plot">
          <span class="plot-limit">threshold</span>
          <Nearness upstream={breaker.upstream} marks={marks} xOf={xOf} />
        </div>
      )}
      <figcaption>
        <span>{moment(beginMs, nowMs)}</span>
        <span>{recent.whole ? '' : `only the newest 20,000 records of partition ${recent.partition} were read: from ${moment(Date.parse(recent.from?.at ?? ''), nowMs)}`}</span>
        <span>now</span>
      </figcaption>
    </figure>
  );
}

function Legend() {
  return (
    <p class="legend">
      <span><i class="swatch swatch-ok" /> answered</span>
      <span><i class="swatch swatch-slow" /> slow</span>
      <span><i class="swatch swatch-error" /> errors</span>
      <span><i class="swatch swatch-opened" /> opened</span>
      <span><i class="swatch swatch-closed" /> closed</span>
    </p>
  );
}

/** As they were read, and what was counted since. */
function useTallies(breaker: Breaker, recent: RecentOutcomes): ReadonlyMap<number, Tally> {
  const tallies = useRef(new Map<number, Tally>());
  const before = useRef(breaker);
  const [, draw] = useState(0);
  useEffect(() => {
    tallies.current = new Map(recent.buckets.map((bucket) => [Date.parse(bucket.at), bucket]));
    before.current = store.breaker(breaker.upstream) ?? breaker;
    draw((count) => count + 1);
  }, [recent]);
  useEffect(() => {
    const counted = countedSince(before.current, breaker);
    before.current = breaker;
    if (counted.calls === 0) return;
    const atMs = Math.floor(store.nowMs.peek() / recent.bucket_ms) * recent.bucket_ms;
    tallies.current.set(atMs, plus(tallies.current.get(atMs) ?? NONE, counted));
    if (tallies.current.size > 2 * BARS) for (const at of tallies.current.keys()) if (at < atMs - BARS * recent.bucket_ms) tallies.current.delete(at);
    draw((count) => count + 1);
  }, [breaker]);
  return tallies.current;
}

function Stack({ bar: { calls, errors, slow }, most, x }: { readonly bar: Bar; readonly most: number; readonly x: number }) {
  if (calls === 0) return null;
  const width = WIDTH / BARS - 2;
  const onlySlow = Math.min(slow, calls - errors);
  const parts = [
    { name: 'bar-error', part: errors },
    { name: 'bar-slow', part: onlySlow },
    { name: 'bar-ok', part: calls - errors - onlySlow },
  ];
  let y = BARS_HEIGHT;
  return (
    <g>
      {parts.map(({ name, part }) => {
        const height = (part / most) * (BARS_HEIGHT - 16);
        y -= height;
        return height > 0 && <rect key={name} class={name} x={x + 1} y={y} width={width} height={height} />;
      })}
    </g>
  );
}

function Marks({ transitions, xOf, height }: { readonly transitions: readonly Transition[]; readonly xOf: (atMs: number) => number; readonly height: number }) {
  return (
    <>
      {transitions.map(({ incarnation, generation, at, to, reason }) => (
        <path key={`${incarnation} ${generation}`} class={to === 'open' ? 'mark-opened' : 'mark-closed'} d={`M${xOf(Date.parse(at))} 0V${height}`}>
          <title>{reason}</title>
        </path>
      ))}
    </>
  );
}

function Nearness({ upstream, marks, xOf }: { readonly upstream: string; readonly marks: readonly Transition[]; readonly xOf: (atMs: number) => number }) {
  const samples = [...(store.curves.of(upstream) ?? Array.from({ length: BARS }, () => 0)), store.nearnessOf(upstream)];
  const yOf = (nearness: number): number => CURVE_HEIGHT - 1 - (Math.min(TOP, nearness) / TOP) * (CURVE_HEIGHT - 2);
  const line = samples.map((each, index) => `${index === 0 ? 'M' : 'L'}${(index / (samples.length - 1)) * WIDTH} ${yOf(each).toFixed(1)}`).join('');
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${CURVE_HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`How near it was to its threshold: now ${Math.round((samples.at(-1) ?? 0) * 100)}%, at most ${Math.round(Math.max(...samples) * 100)}%`}>
      <path class="spark-area" d={`${line}L${WIDTH} ${CURVE_HEIGHT}L0 ${CURVE_HEIGHT}Z`} />
      <path class="spark-limit" d={`M0 ${yOf(1)}H${WIDTH}`} />
      <path class="spark-line" d={line} />
      <Marks transitions={marks} xOf={xOf} height={CURVE_HEIGHT} />
    </svg>
  );
}

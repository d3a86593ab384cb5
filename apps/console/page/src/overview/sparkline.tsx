/** The last two minutes of how near an upstream was to tripping; the line is its threshold. */
import { memo } from 'preact/compat';

const WIDTH = 120;
const HEIGHT = 36;
/** What stands above the threshold is cut off here. */
const TOP = 1.25;

interface SparklineProps {
  /** Oldest first, 1 being the threshold; undefined: quiet. */
  readonly samples: readonly number[] | undefined;
  readonly now: number;
}

function Curve({ samples, now }: SparklineProps) {
  const label = `Now at ${Math.round(now * 100)}% of the nearest threshold; highest in two minutes ${Math.round(Math.max(now, ...(samples ?? [0])) * 100)}%`;
  const points = [...(samples ?? []), now];
  const line = points.map((each, index) => `${index === 0 ? 'M' : 'L'}${round((index / Math.max(1, points.length - 1)) * WIDTH)} ${round(yOf(each))}`).join('');
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
      {samples !== undefined && <path class="spark-area" d={`${line}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`} />}
      <path class="spark-limit" d={`M0 ${yOf(1)}H${WIDTH}`} />
      <path class="spark-line" d={samples === undefined ? `M0 ${HEIGHT - 1}H${WIDTH}` : line} />
    </svg>
  );
}

export const Sparkline = memo(Curve);

function yOf(nearness: number): number {
  return HEIGHT - 1 - (Math.min(TOP, nearness) / TOP) * (HEIGHT - 2);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

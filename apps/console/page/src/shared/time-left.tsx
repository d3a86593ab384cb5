/** When a state ends, as words that count down and as a bar that empties. */
import { store } from '../live/store.ts';
import { moment, span } from './words.ts';

interface TimeLeftProps {
  readonly since: string;
  /** Absent: it has no end. */
  readonly until: string | undefined;
  readonly verb: string;
}

export function TimeLeft({ since, until, verb }: TimeLeftProps) {
  const nowMs = store.nowMs.value;
  const [sinceMs, untilMs] = [Date.parse(since), until === undefined ? undefined : Date.parse(until)];
  const left = untilMs === undefined ? 0 : Math.max(0, Math.min(1, (untilMs - nowMs) / Math.max(1, untilMs - sinceMs)));
  return (
    <span class="left">
      <b>{untilMs === undefined ? 'until cleared by hand' : `${verb} in ${span(untilMs - nowMs)}`}</b>
      {untilMs !== undefined && (
        <span class="left-bar" aria-hidden="true">
          <span style={{ width: `${left * 100}%` }} />
        </span>
      )}
      <small>
        since {moment(sinceMs, nowMs)}, {span(nowMs - sinceMs)} ago
      </small>
    </span>
  );
}

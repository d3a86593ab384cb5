/** The window as it is now, against each condition of the policy. */
import type { Breaker } from '../live/breaker.ts';
import { store, windowNow } from '../live/store.ts';
import { amount, duration, moment, plural, share, span } from '../shared/words.ts';

export function Conditions({ breaker }: { readonly breaker: Breaker }) {
  const { thresholds } = breaker;
  const nowMs = store.nowMs.value;
  const { total, errors, slow, started_at } = windowNow(breaker, nowMs);
  if (thresholds === undefined) return <p>No policy with a circuit breaker is known for it, so nothing can trip it.</p>;
  const { min_request_amount: least, stat_time_window_ms: lengthMs, slow_time_ms: slowMs, error_amount, error_ratio, slow_amount, slow_ratio } = thresholds;
  const slowCalls = `slow calls (${duration(slowMs)} or more)`;
  const ratioHint = total < least ? `from ${plural(least, 'call')} on` : '';
  return (
    <>
      <p>
        {started_at === undefined || total === 0 ? `No calls in a window now. A window lasts ${duration(lengthMs)} from its first call.` : `${plural(total, 'call')} since ${moment(Date.parse(started_at), nowMs)}. This window ends in ${span(Date.parse(started_at) + lengthMs - nowMs)}.`}
      </p>
      <ul class="meters">
        {error_amount !== undefined && <Meter name="errors" value={errors} limit={error_amount} shown={`${amount(errors)} of ${amount(error_amount)}`} />}
        {error_ratio !== undefined && <Meter name="share of errors" value={total < least ? 0 : errors / total} limit={error_ratio} shown={`${share(errors, total)} of ${share(error_ratio, 1)}`} hint={ratioHint} />}
        {slow_amount !== undefined && <Meter name={slowCalls} value={slow} limit={slow_amount} shown={`${amount(slow)} of ${amount(slow_amount)}`} />}
        {slow_ratio !== undefined && <Meter name={`share of ${slowCalls}`} value={total < least ? 0 : slow / total} limit={slow_ratio} shown={`${share(slow, total)} of ${share(slow_ratio, 1)}`} hint={ratioHint} />}
      </ul>
      <p>
        <small>Whichever is reached first opens it for {duration(thresholds.degraded_time_window_ms)}.</small>
      </p>
    </>
  );
}

interface MeterProps {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly shown: string;
  readonly hint?: string;
}

function Meter({ name, value, limit, shown, hint = '' }: MeterProps) {
  const part = Math.min(1, value / limit);
  return (
    <li>
      <span>
        {name} {hint !== '' && <small>{hint}</small>}
      </span>
      <b>{shown}</b>
      <span class="meter" aria-hidden="true">
        <span class={part >= 0.5 ? 'meter-near' : ''} style={{ width: `${part * 100}%` }} />
      </span>
    </li>
  );
}

/** One upstream: is it open, why, how is it doing, when does it close. */
import { memo } from 'preact/compat';
import type { Breaker } from '../live/breaker.ts';
import { store, windowNow } from '../live/store.ts';
import { upstreamPath } from '../shared/router.ts';
import { StateBadge } from '../shared/state-badge.tsx';
import { TimeLeft } from '../shared/time-left.tsx';
import { amount, moment, plural, share } from '../shared/words.ts';
import { Sparkline } from './sparkline.tsx';

interface RowProps {
  readonly breaker: Breaker;
  readonly index: number;
  readonly rows: number;
  readonly topPx: number;
}

function OneRow({ breaker, index, rows, topPx }: RowProps) {
  const { upstream, state, override } = breaker;
  return (
    <li class={`row row-${state}`} style={{ transform: `translateY(${topPx}px)` }} aria-setsize={rows} aria-posinset={index + 1}>
      <a href={upstreamPath(upstream)} data-row={index}>
        <StateBadge state={state} admit={breaker.admit} isHeld={override !== undefined} />
        <span class="row-name">
          <b title={upstream}>{upstream}</b>
          <small title={why(breaker)}>{why(breaker)}</small>
        </span>
        <Rates breaker={breaker} />
        <Spark upstream={upstream} />
        <span class="row-time">
          <When breaker={breaker} />
        </span>
      </a>
    </li>
  );
}

/** While the list scrolls, rows that were there stay as they are. */
export const Row = memo(OneRow);

function Spark({ upstream }: { readonly upstream: string }) {
  // Curves change beside the breakers.
  const isKnown = store.version.value >= 0;
  return <span class="row-spark">{isKnown && <Sparkline samples={store.curves.of(upstream)} now={store.nearnessOf(upstream)} />}</span>;
}

function Rates({ breaker }: { readonly breaker: Breaker }) {
  const evidence = breaker.state === 'open' ? breaker.last_transition?.window : undefined;
  const { total, errors, slow } = evidence ?? windowNow(breaker, store.nowMs.value);
  if (total === 0) {
    return (
      <span class="row-rates row-quiet">
        {breaker.state === 'open' && breaker.admit === 0 ? 'calls are refused' : 'no calls in this window'}
        <WhoIsHit breaker={breaker} />
      </span>
    );
  }
  return (
    <span class="row-rates">
      <b>
        {share(errors, total)} errors{slow > 0 && `, ${share(slow, total)} slow`}
      </b>
      <small>
        {amount(errors)} of {plural(total, 'call')}
        {evidence === undefined ? ' in this window' : ' at the trip'}
      </small>
      <WhoIsHit breaker={breaker} />
    </span>
  );
}

/** How many calls are refused, and at how many proxies. */
function WhoIsHit({ breaker: { upstream, state } }: { readonly breaker: Breaker }) {
  const hit = state === 'open' ? store.hits.value.get(upstream) : undefined;
  if (hit === undefined) return null;
  return (
    <small title={hit.most.map(([proxy, calls]) => `${proxy}: ${amount(calls)}`).join(', ')}>
      {amount(hit.calls)} refused/min at {plural(hit.proxies, 'proxy', 'proxies')}
    </small>
  );
}

function When({ breaker }: { readonly breaker: Breaker }) {
  const { state, since, open_until, override } = breaker;
  if (state === 'open') return <TimeLeft since={since} until={open_until} verb="closes" />;
  if (override !== undefined) return <TimeLeft since={since} until={override.until} verb="held" />;
  return (
    <span class="left">
      <small>closed since {moment(Date.parse(since), store.nowMs.value)}</small>
    </span>
  );
}

/** In one line. */
function why({ override, policy, state, last_transition }: Breaker): string {
  if (override !== undefined) return `held ${state} by ${override.author}: ${override.reason}`;
  if (state === 'open') return last_transition?.reason ?? 'the reason is being looked up';
  return policy === undefined ? 'its policy was deleted' : `policy ${policy.namespace}/${policy.name}`;
}

/** One upstream, whole: how it is, why, the last minutes, each change with its evidence, who reported what. */
import { useEffect } from 'preact/hooks';
import type { Breaker } from '../live/breaker.ts';
import { store } from '../live/store.ts';
import { useAsked, type Asked } from '../shared/ask.ts';
import { parameter, setParameter } from '../shared/router.ts';
import { StateBadge } from '../shared/state-badge.tsx';
import { TimeLeft } from '../shared/time-left.tsx';
import { span } from '../shared/words.ts';
import { ByHand } from './by-hand.tsx';
import { Changes, type TransitionPage } from './changes.tsx';
import { Control } from './control.tsx';
import { Conditions } from './conditions.tsx';
import type { RecentOutcomes } from './outcomes.ts';
import { Reporters } from './reporters.tsx';
import { Timeline } from './timeline.tsx';

const SPANS_S = [120, 600, 3_600];

export function Upstream({ upstream }: { readonly upstream: string }) {
  const breaker = store.version.value >= 0 ? store.breaker(upstream) : undefined;
  useEffect(() => {
    document.title = `${breaker?.state === 'open' ? 'Open: ' : ''}${upstream} · Fuseboard`;
  }, [breaker?.state, upstream]);
  if (breaker !== undefined) return <Known breaker={breaker} />;
  return (
    <main>
      <h1 class="headline">{upstream}</h1>
      <p class="notice">
        {store.isLoaded.value ? 'There is no such upstream: no policy with a circuit breaker names that host.' : 'The states are on their way.'} <a href="/">All upstreams</a>
      </p>
    </main>
  );
}

function Known({ breaker }: { readonly breaker: Breaker }) {
  const { upstream, generation, incarnation } = breaker;
  const spanS = SPANS_S.find((each) => `${each}` === parameter('span')) ?? 120;
  const path = `/api/v1/breakers/${encodeURIComponent(upstream)}`;
  const asOf = `${store.begun} ${incarnation} ${generation} ${breaker.last_transition?.generation}`;
  const page = useAsked<TransitionPage>(`${path}/transitions?page_size=20`, asOf);
  // Bars go on by what is counted; who reported, and what was missed meanwhile, is in the log alone.
  const recent = useAsked<RecentOutcomes>(`${path}/outcomes?span_s=${spanS}`, asOf, spanS * 250);
  const transitions = page.kind === 'there' ? page.value.transitions : [];
  return (
    <main>
      <h1 class="headline upstream-name">{upstream}</h1>
      <Now breaker={breaker} />
      <ByHand breaker={breaker} />
      <section aria-labelledby="last-minutes">
        <h2 id="last-minutes">The last {span(spanS * 1_000)}</h2>
        <div class="filters spans" role="group" aria-label="How far back">
          {SPANS_S.map((each) => (
            <button type="button" key={each} aria-pressed={each === spanS} onClick={() => setParameter('span', each === 120 ? '' : `${each}`)}>
              {span(each * 1_000)}
            </button>
          ))}
        </div>
        <When asked={recent}>{(value) => <Timeline breaker={breaker} recent={value} transitions={transitions} spanMs={spanS * 1_000} />}</When>
      </section>
      <div class="pair">
        <section aria-labelledby="window">
          <h2 id="window">Its window now</h2>
          <Conditions breaker={breaker} />
        </section>
        <section aria-labelledby="reporters">
          <h2 id="reporters">Who reported, in {span(spanS * 1_000)}</h2>
          <When asked={recent}>{(value) => <Reporters upstream={upstream} recent={value} spanMs={spanS * 1_000} />}</When>
        </section>
      </div>
      <section aria-labelledby="changes">
        <h2 id="changes">Changes</h2>
        <When asked={page}>{(value) => <Changes upstream={upstream} page={value} />}</When>
      </section>
      <Control breaker={breaker} />
    </main>
  );
}

function Now({ breaker }: { readonly breaker: Breaker }) {
  const { state, since, open_until, override, last_transition, policy } = breaker;
  const isOpen = state === 'open';
  return (
    <div class={`now now-${state}`}>
      <StateBadge state={state} isHeld={override !== undefined} admit={breaker.admit} />
      <p class="now-why">
        {override === undefined ? isOpen ? (last_transition?.reason ?? 'The reason is being looked up.') : 'Calls go through.' : `Held ${state} by ${override.author}: ${override.reason}`}
        {isOpen && breaker.admit > 0 && ' Its policy is not enforced, so calls go through.'}
      </p>
      {isOpen || override !== undefined ? <TimeLeft since={since} until={open_until ?? override?.until} verb={isOpen ? 'closes' : 'held'} /> : <small>{policy === undefined ? 'without policy' : `policy ${policy.namespace}/${policy.name}, version ${policy.version}`}</small>}
    </div>
  );
}

function When<T>({ asked, children }: { readonly asked: Asked<T>; readonly children: (value: T) => preact.ComponentChildren }) {
  if (asked.kind === 'there') return <>{children(asked.value)}</>;
  return <p class={asked.kind === 'failed' ? 'failed' : ''}>{asked.kind === 'failed' ? `This can't be shown: ${asked.why}.` : 'On its way…'}</p>;
}

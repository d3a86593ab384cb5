/** Changes of state, newest first, each with its evidence; of a trip the very outcome that did it, from the log. */
import { useState } from 'preact/hooks';
import type { Transition, WindowNow } from '../live/breaker.ts';
import { store } from '../live/store.ts';
import { ask, type Asked } from '../shared/ask.ts';
import { amount, duration, moment, plural, share } from '../shared/words.ts';
import { resultWord, type OutcomeRead } from './outcomes.ts';

export interface TransitionPage {
  readonly transitions: readonly Transition[];
  readonly next_page_token: string;
}

export function Changes({ upstream, page }: { readonly upstream: string; readonly page: TransitionPage }) {
  const [more, setMore] = useState<{ readonly of: TransitionPage; readonly older: readonly Transition[]; readonly next: string }>({ of: page, older: [], next: page.next_page_token });
  const [problem, setProblem] = useState('');
  const { older, next } = more.of === page ? more : { older: [], next: page.next_page_token };
  const all = [...page.transitions, ...older];
  if (all.length === 0) return <p>It has not changed yet, or what changed is older than what the history keeps.</p>;
  const askMore = async (): Promise<void> => {
    const found = await ask<TransitionPage>(`/api/v1/breakers/${encodeURIComponent(upstream)}/transitions?page_size=20&page_token=${encodeURIComponent(next)}`);
    setMore({ of: page, older: [...older, ...found.transitions], next: found.next_page_token });
    setProblem('');
  };
  return (
    <>
      <ol class="changes">
        {all.map((transition) => (
          <Change key={`${transition.incarnation} ${transition.generation}`} transition={transition} />
        ))}
      </ol>
      {next !== '' && (
        <button type="button" onClick={() => void askMore().catch((error: unknown) => setProblem((error as Error).message))}>
          Older ones
        </button>
      )}
      {problem !== '' && <p class="failed" role="alert">They can't be shown: {problem}.</p>}
    </>
  );
}

function Change({ transition }: { readonly transition: Transition }) {
  const { to, at, reason, cause, window, open_until, policy } = transition;
  const atMs = Date.parse(at);
  return (
    <li class={`change change-${to}`}>
      <p>
        <b>{to === 'open' ? 'Opened' : 'Closed'}</b> {moment(atMs, store.nowMs.peek())}
        {open_until !== undefined && ` for ${duration(Date.parse(open_until) - atMs)}`}: {reason}
      </p>
      {window.total > 0 && <Evidence window={window} atMs={atMs} />}
      {cause.kind === 'outcome' && <Offender transition={transition} />}
      <p>
        <small>
          {cause.author !== undefined && `by ${cause.author}, control record ${cause.control_offset}; `}
          generation {transition.generation}
          {policy !== undefined && `; policy ${policy.namespace}/${policy.name}, version ${policy.version}`}
        </small>
      </p>
    </li>
  );
}

function Evidence({ window: { total, errors, slow, started_at }, atMs }: { readonly window: WindowNow; readonly atMs: number }) {
  const tookMs = started_at === undefined ? undefined : atMs - Date.parse(started_at);
  return (
    <p>
      Its window had {plural(total, 'call')}
      {tookMs !== undefined && ` in ${duration(tookMs)}`}: {amount(errors)} errors ({share(errors, total)}), {amount(slow)} slow ({share(slow, total)}).
    </p>
  );
}

function Offender({ transition: { upstream, cause } }: { readonly transition: Transition }) {
  const [asked, setAsked] = useState<Asked<OutcomeRead> | undefined>(undefined);
  const show = (): void => {
    setAsked({ kind: 'asking' });
    ask<OutcomeRead>(`/api/v1/breakers/${encodeURIComponent(upstream)}/outcomes/${cause.offset}`).then(
      (value) => setAsked({ kind: 'there', value }),
      (error: unknown) => setAsked({ kind: 'failed', why: (error as Error).message }),
    );
  };
  return (
    <p>
      The outcome that did it: partition {cause.partition}, offset {cause.offset}
      {cause.id !== undefined && <> <code>{cause.id}</code></>}
      {asked === undefined && <> <button type="button" class="small" onClick={show}>Read it</button></>}
      {asked?.kind === 'failed' && `. ${asked.why}`}
      {asked?.kind === 'there' && `: ${outcomeWords(asked.value)}`}
    </p>
  );
}

function outcomeWords({ result, duration_ms, count, reporter, target }: OutcomeRead): string {
  const took = duration_ms === undefined ? '' : ` after ${Math.round(duration_ms * 10) / 10} ms`;
  return `${resultWord(result)}${took}, reported by ${reporter}${target === undefined ? '' : ` of ${target}`}${count > 1 ? `, ${amount(count)} calls alike` : ''}`;
}

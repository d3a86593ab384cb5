/** What one who may do so can do by hand: hold it open or closed for a time, or let it go. Each is asked for, then confirmed. */
import { useRef, useState } from 'preact/hooks';
import type { Breaker } from '../live/breaker.ts';
import { store } from '../live/store.ts';
import { Refused, ask } from '../shared/ask.ts';

type Action = 'open' | 'closed' | 'clear';

const WORDS: Readonly<Record<Action, { readonly button: string; readonly does: string; readonly confirm: string }>> = {
  open: { button: 'Hold open…', does: 'Every call is refused at every proxy, whatever its policy says.', confirm: 'Refuse all calls' },
  closed: { button: 'Hold closed…', does: 'Every call goes through, and nothing can trip it.', confirm: 'Let all calls through' },
  clear: { button: 'Let go…', does: 'Its policy decides again, beginning closed with an empty window.', confirm: 'Let its policy decide' },
};
/** As the console reads durations; '' is until cleared. */
const LENGTHS = [
  ['5m', '5 minutes'],
  ['10m', '10 minutes'],
  ['30m', '30 minutes'],
  ['1h', '1 hour'],
  ['4h', '4 hours'],
  ['24h', '1 day'],
  ['', 'until it is cleared by hand'],
] as const;
const AUTHOR = 'fuseboard-author';

export function ByHand({ breaker: { upstream, override } }: { readonly breaker: Breaker }) {
  /** `times` it was asked for: each time begins anew. */
  const [{ action, times }, setAsked] = useState<{ readonly action: Action; readonly times: number }>({ action: 'open', times: 0 });
  const dialog = useRef<HTMLDialogElement>(null);
  if (store.hello.value?.may_write !== true) return <p class="read-only">You may look, and not change anything: that needs the write role.</p>;
  const actions: readonly Action[] = override === undefined ? ['open', 'closed'] : ['clear', 'open', 'closed'];
  return (
    <div class="by-hand">
      {actions.map((each) => (
        <button type="button" key={each} onClick={() => (setAsked({ action: each, times: times + 1 }), dialog.current?.showModal())}>
          {WORDS[each].button}
        </button>
      ))}
      <dialog ref={dialog} aria-labelledby="by-hand-title">
        <Confirming key={times} upstream={upstream} action={action} onDone={() => dialog.current?.close()} />
      </dialog>
    </div>
  );
}

interface ConfirmingProps {
  readonly upstream: string;
  readonly action: Action;
  readonly onDone: () => void;
}

/** `written`: and not in force when the console answered. */
type Stage = { readonly kind: 'asked' | 'sending' | 'written' } | { readonly kind: 'failed'; readonly why: string };

function Confirming({ upstream, action, onDone }: ConfirmingProps) {
  const [stage, setStage] = useState<Stage>({ kind: 'asked' });
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string => {
      const value = form.get(name);
      return typeof value === 'string' ? value.trim() : '';
    };
    sessionStorage.setItem(AUTHOR, text('author'));
    setStage({ kind: 'sending' });
    try {
      const isInForce = await send(upstream, action, { author: text('author'), reason: text('reason'), length: text('length') });
      if (isInForce) onDone();
      else setStage({ kind: 'written' });
    } catch (error) {
      const { message } = error as Error;
      setStage({ kind: 'failed', why: error instanceof Refused ? `Not done: ${message}` : `Look whether it was done before you repeat it: ${message}` });
    }
  };
  return (
    <form onSubmit={(event) => void submit(event)}>
      <h2 id="by-hand-title">
        {WORDS[action].button.replace('…', '')}: {upstream}
      </h2>
      <p>{WORDS[action].does} Everybody sees who did it, and why.</p>
      {action !== 'clear' && (
        <label>
          For
          <select name="length">
            {LENGTHS.map(([value, words]) => (
              <option key={value} value={value} selected={value === '10m'}>
                {words}
              </option>
            ))}
          </select>
        </label>
      )}
      <label>
        Your name
        <input name="author" required maxLength={200} defaultValue={sessionStorage.getItem(AUTHOR) ?? ''} autocomplete="username" />
      </label>
      <label>
        Reason
        <input name="reason" required maxLength={1000} autocomplete="off" />
      </label>
      {(stage.kind === 'failed' || stage.kind === 'written') && (
        <p class="failed" role="alert">
          {stage.kind === 'failed' ? stage.why : 'It is written, and not in force yet: is an ingest running? It comes into force by itself as soon as one does.'}
        </p>
      )}
      <p class="buttons">
        <button type="submit" class="decisive" disabled={stage.kind === 'sending' || stage.kind === 'written'}>
          {WORDS[action].confirm}
        </button>
        <button type="button" onClick={onDone}>
          {stage.kind === 'written' ? 'Close' : 'Leave it as it is'}
        </button>
      </p>
    </form>
  );
}

/** @returns whether it was in force when the console answered */
async function send(upstream: string, action: Action, { author, reason, length }: { readonly author: string; readonly reason: string; readonly length: string }): Promise<boolean> {
  const path = `/api/v1/breakers/${encodeURIComponent(upstream)}/override`;
  const lasting = length === '' ? { until_cleared: true } : { for: length };
  const body = action === 'clear' ? { author, reason } : { to: action, author, reason, ...lasting };
  const done = await ask<{ readonly in_force_at?: string }>(path, { method: action === 'clear' ? 'DELETE' : 'POST', body: JSON.stringify(body) });
  return done.in_force_at !== undefined;
}

/** What one who may do so can do by hand: hold it open or closed for a time, or let it go. Each is asked for, then confirmed. */
import { useRef, useState } from 'preact/hooks';
import type { Breaker } from '../live/breaker.ts';
import { store } from '../live/store.ts';
import { ask } from '../shared/ask.ts';

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
  const [action, setAction] = useState<Action>('open');
  const dialog = useRef<HTMLDialogElement>(null);
  if (store.hello.value?.may_write !== true) return <p class="read-only">You may look, and not change anything: that needs the write role.</p>;
  const actions: readonly Action[] = override === undefined ? ['open', 'closed'] : ['clear', 'open', 'closed'];
  return (
    <div class="by-hand">
      {actions.map((each) => (
        <button type="button" key={each} onClick={() => (setAction(each), dialog.current?.showModal())}>
          {WORDS[each].button}
        </button>
      ))}
      <dialog ref={dialog} aria-labelledby="by-hand-title">
        <Confirming key={action} upstream={upstream} action={action} onDone={() => dialog.current?.close()} />
      </dialog>
    </div>
  );
}

interface ConfirmingProps {
  readonly upstream: string;
  readonly action: Action;
  readonly onDone: () => void;
}

function Confirming({ upstream, action, onDone }: ConfirmingProps) {
  const [problem, setProblem] = useState('');
  const [isSending, setSending] = useState(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const text = (name: string): string => {
      const value = form.get(name);
      return typeof value === 'string' ? value.trim() : '';
    };
    sessionStorage.setItem(AUTHOR, text('author'));
    setSending(true);
    setProblem('');
    try {
      await send(upstream, action, { author: text('author'), reason: text('reason'), length: text('length') });
      onDone();
    } catch (error) {
      setProblem((error as Error).message);
    } finally {
      setSending(false);
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
      {problem !== '' && (
        <p class="failed" role="alert">
          Not done: {problem}
        </p>
      )}
      <p class="buttons">
        <button type="submit" class="decisive" disabled={isSending}>
          {WORDS[action].confirm}
        </button>
        <button type="button" onClick={onDone}>
          Leave it as it is
        </button>
      </p>
    </form>
  );
}

async function send(upstream: string, action: Action, { author, reason, length }: { readonly author: string; readonly reason: string; readonly length: string }): Promise<void> {
  const path = `/api/v1/breakers/${encodeURIComponent(upstream)}/override`;
  const lasting = length === '' ? { until_cleared: true } : { for: length };
  const body = action === 'clear' ? { author, reason } : { to: action, author, reason, ...lasting };
  await ask(path, { method: action === 'clear' ? 'DELETE' : 'POST', body: JSON.stringify(body) });
}

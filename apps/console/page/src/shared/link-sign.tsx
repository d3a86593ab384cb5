/** Is what is shown so, now? At the top of every place. */
import { store } from '../live/store.ts';
import { place } from './router.ts';
import { keepToken, tokenShown } from './token.ts';
import { plural, span } from './words.ts';

export function LinkSign() {
  const { kind } = store.link.value;
  const isOld = kind === 'cut' || store.stale !== undefined;
  const word = kind === 'connecting' ? 'Connecting' : kind === 'cut' ? 'Cut off' : isOld ? 'Old' : 'Live';
  return (
    <span class={`sign ${isOld ? 'sign-old' : 'sign-live'}`} role="status">
      <svg viewBox="0 0 16 16" aria-hidden="true">
        {isOld ? <path d="M8 1l7 13H1zM8 6v4m0 2v.5" /> : <circle cx="8" cy="8" r="5" />}
      </svg>
      {word}
    </span>
  );
}

export function LinkNotice() {
  const link = store.link.value;
  const nowMs = store.nowMs.value;
  if (link.kind === 'cut' && link.cut.kind === 'refused') return <TokenForm why={link.cut.why} />;
  if (link.kind === 'cut') {
    const isFirst = store.hello.value === undefined;
    return (
      <p class="warning" role="alert">
        {isFirst ? `Not connected: ${link.cut.why}.` : `Cut off: ${link.cut.why}. What you see is ${span(Date.now() - link.sinceMs)} old.`} Trying again by itself.
      </p>
    );
  }
  const stale = link.kind === 'live' && nowMs > 0 ? store.stale : undefined;
  if (stale === undefined) return <UnownedNotice />;
  return (
    <p class="warning" role="alert">
      {stale}
    </p>
  );
}

/** The fleet's own place says it larger. */
function UnownedNotice() {
  const unowned = store.unowned.value;
  if (unowned.length === 0 || place.value.kind === 'fleet') return null;
  return (
    <p class="warning" role="alert">
      No ingest folds {unowned.length === 1 ? `partition ${unowned[0]}` : plural(unowned.length, 'partition')}: nothing opens or closes there. <a href="/fleet">Which processes there are</a>
    </p>
  );
}

function TokenForm({ why }: { readonly why: string }) {
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem('token');
    if (field instanceof HTMLInputElement) keepToken(field.value.trim());
    store.again();
  };
  return (
    <form class="warning token" aria-label="Token" onSubmit={submit}>
      <p>{tokenShown() !== '' ? `The console does not take this token: ${why}.` : 'This console shows itself to those who have its token.'}</p>
      <label>
        Token <input name="token" type="password" autocomplete="off" required />
      </label>
      <button type="submit">Show</button>
      <small>It is kept until this tab is closed, and sent to this console alone.</small>
    </form>
  );
}

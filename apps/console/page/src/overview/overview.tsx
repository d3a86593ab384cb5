/** What is open now, and everything else below it. */
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { store } from '../live/store.ts';
import { parameter, setParameter } from '../shared/router.ts';
import { plural } from '../shared/words.ts';
import { List } from './list.tsx';
import { listed, SHOWN, type Listed, type Shown } from './order.ts';

const WORD: Readonly<Record<Shown, string>> = { all: 'All', open: 'Open', near: 'Near a threshold', held: 'By hand' };

export function Overview() {
  const search = parameter('q');
  const shown = SHOWN.find((each) => each === parameter('show')) ?? 'all';
  const version = store.version.value;
  const found = useMemo(() => listed({ breakers: store.breakers.values(), nearness: (upstream) => store.nearnessOf(upstream), search, shown }), [version, search, shown]);
  useEffect(() => {
    document.title = found.counts.open === 0 ? 'Fuseboard' : `(${found.counts.open} open) Fuseboard`;
  }, [found.counts.open]);
  return (
    <main>
      <h1 class={`headline ${found.counts.open > 0 ? 'headline-open' : ''}`} aria-live="polite">
        {headline(found)}
      </h1>
      <div class="bar">
        <Search />
        <div class="filters" role="group" aria-label="Show">
          {SHOWN.map((each) => (
            <button type="button" key={each} aria-pressed={each === shown} onClick={() => setParameter('show', each === 'all' ? '' : each)}>
              {WORD[each]} <span class="count">{found.counts[each]}</span>
            </button>
          ))}
        </div>
      </div>
      {found.upstreams.length > 0 ? <List upstreams={found.upstreams} /> : <Nothing found={found} search={search} shown={shown} />}
    </main>
  );
}

function headline({ counts: { all, open } }: Listed): string {
  if (all === 0) return store.isLoaded.value ? 'No upstreams yet' : 'Loading…';
  if (open === 0) return all === 1 ? 'The one upstream is closed: calls go through' : `All ${plural(all, 'upstream')} are closed: calls go through`;
  return `${plural(open, 'upstream')} of ${all.toLocaleString('en')} ${open === 1 ? 'is' : 'are'} open: calls are refused`;
}

function Search() {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches('input, textarea, select');
      if (event.key === '/' && !isTyping) {
        event.preventDefault();
        field.current?.focus();
      } else if (event.key === 'Escape') showAll();
      else if (event.key === 'ArrowDown' && (event.target === field.current || event.target === document.body)) {
        event.preventDefault();
        document.querySelector<HTMLElement>('[data-row]')?.focus();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <label class="search">
      <span class="hidden">Search upstreams and policies</span>
      <input ref={field} type="search" placeholder="Search ( / )" value={parameter('q')} onInput={({ currentTarget }) => setParameter('q', currentTarget.value)} spellcheck={false} autocomplete="off" />
    </label>
  );
}

function showAll(): void {
  setParameter('q', '');
  setParameter('show', '');
}

interface NothingProps {
  readonly found: Listed;
  readonly search: string;
  readonly shown: Shown;
}

function Nothing({ found: { counts }, search, shown }: NothingProps) {
  if (!store.isLoaded.value) return <p class="notice">The states are on their way.</p>;
  if (counts.all === 0)
    return (
      <p class="notice">
        There is no upstream with a circuit breaker. One is there as soon as a policy with <code>circuitBreaking</code> names its host: put it into the directory that <code>FUSEBOARD_CONFIG_DIR</code> names, and look here again.
      </p>
    );
  const all = (
    <button type="button" onClick={showAll}>
      Show all
    </button>
  );
  if (search !== '')
    return (
      <p class="notice">
        No upstream{shown === 'all' ? '' : ` under “${WORD[shown]}”`} has “{search}” in its name or in its policy’s. {all}
      </p>
    );
  return (
    <p class="notice">
      {shown === 'open' ? 'Nothing is open: every call goes through.' : shown === 'near' ? 'Nothing is near a threshold.' : 'Nothing is held open or closed by hand.'} {all}
    </p>
  );
}

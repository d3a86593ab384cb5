/** Where in the page one is: the address says it, so that it can be kept and sent on. */
import { computed, signal } from '@preact/signals';

export type Place = { readonly kind: 'overview' } | { readonly kind: 'fleet' } | { readonly kind: 'upstream'; readonly upstream: string } | { readonly kind: 'nowhere' };

const path = signal(location.pathname);
const search = signal(location.search);

addEventListener('popstate', () => {
  path.value = location.pathname;
  search.value = location.search;
});

export const place = computed<Place>(() => placeOf(path.value));

function placeOf(at: string): Place {
  if (at === '/') return { kind: 'overview' };
  if (at === '/fleet') return { kind: 'fleet' };
  const [, name] = /^\/upstreams\/([^/]+)$/.exec(at) ?? [];
  if (name === undefined) return { kind: 'nowhere' };
  try {
    return { kind: 'upstream', upstream: decodeURIComponent(name).toLowerCase() };
  } catch {
    return { kind: 'nowhere' };
  }
}

export function go(to: string): void {
  history.pushState(null, '', to);
  path.value = location.pathname;
  search.value = location.search;
  scrollTo(0, 0);
}

export function upstreamPath(upstream: string): string {
  return `/upstreams/${encodeURIComponent(upstream)}`;
}

export function parameter(name: string): string {
  return new URLSearchParams(search.value).get(name) ?? '';
}

/** Of this place; '' takes it away. Makes no step to go back to. */
export function setParameter(name: string, value: string): void {
  const parameters = new URLSearchParams(search.peek());
  if (value === '') parameters.delete(name);
  else parameters.set(name, value);
  const text = parameters.toString();
  history.replaceState(null, '', text === '' ? location.pathname : `?${text}`);
  search.value = location.search;
}

/** Links of the page go without loading it anew. */
addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (link === null || link.origin !== location.origin || link.target !== '' || placeOf(link.pathname).kind === 'nowhere') return;
  event.preventDefault();
  go(link.pathname + link.search);
});

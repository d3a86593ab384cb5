/** The page: one place at a time, under one bar. */
import { render } from 'preact';
import { Fleet } from './fleet/fleet.tsx';
import { store } from './live/store.ts';
import { Overview } from './overview/overview.tsx';
import { LinkNotice, LinkSign } from './shared/link-sign.tsx';
import { place } from './shared/router.ts';
import { Upstream } from './upstream/upstream.tsx';

function Page() {
  return (
    <>
      <header class="top">
        <a class="brand" href="/">
          <img src="/icon.svg" alt="" width="24" height="24" /> <span class="brand-word">Fuseboard</span>
        </a>
        <nav aria-label="Places">
          <a href="/" aria-current={place.value.kind === 'overview' ? 'page' : undefined}>
            Upstreams
          </a>
          <a href="/fleet" aria-current={place.value.kind === 'fleet' ? 'page' : undefined}>
            Fleet
          </a>
        </nav>
        <LinkSign />
      </header>
      <LinkNotice />
      <Here />
    </>
  );
}

function Here() {
  const here = place.value;
  switch (here.kind) {
    case 'overview':
      return <Overview />;
    case 'fleet':
      return <Fleet />;
    case 'upstream':
      return <Upstream key={here.upstream} upstream={here.upstream} />;
    default:
      return (
        <main>
          <h1 class="headline">There is nothing at this address</h1>
          <p class="notice">
            <a href="/">All upstreams</a>
          </p>
        </main>
      );
  }
}

store.start();
const root = document.querySelector('#page');
if (root !== null) {
  root.replaceChildren();
  render(<Page />, root);
}

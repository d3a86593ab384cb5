/** The page: one place at a time, under one bar. */
import { render } from 'preact';
import { store } from './live/store.ts';
import { Overview } from './overview/overview.tsx';
import { LinkNotice, LinkSign } from './shared/link-sign.tsx';
import { place } from './shared/router.ts';

function Page() {
  return (
    <>
      <header class="top">
        <a class="brand" href="/">
          <img src="/icon.svg" alt="" width="24" height="24" /> Fuseboard
        </a>
        <LinkSign />
      </header>
      <LinkNotice />
      <Here />
    </>
  );
}

function Here() {
  switch (place.value.kind) {
    case 'overview':
      return <Overview />;
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

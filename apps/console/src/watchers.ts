/**
 * A watch: first the present state of every breaker in the order of their names, then each change, as fast as the
 * watcher takes them. What changes meanwhile is remembered by name alone, so a slow watcher holds no more than one name
 * for each upstream, and is told the newest.
 */
import type { BreakerView } from './breaker-view.ts';
import type { ReadModel } from './read-model.ts';

/** Where a watcher is told. */
export interface Outlet {
  readonly write: (view: BreakerView) => void;
  /** It can take no more now, and will call `onDrain`'s listener when it can. */
  readonly isFull: () => boolean;
  /** @returns what ends it */
  readonly onDrain: (listener: () => void) => () => void;
}

/** Begins at once. @param only this upstream; undefined: all. @returns what ends it */
export function watch(model: ReadModel, outlet: Outlet, only?: string): () => void {
  /** At most one entry an upstream: the present ones by name, then in the order of their first change since they were told. */
  const untold = new Set<string>(only === undefined ? model.names() : [only]);
  const tell = (): void => {
    for (const upstream of untold) {
      if (outlet.isFull()) return;
      untold.delete(upstream);
      const view = model.breaker(upstream);
      if (view !== undefined) outlet.write(view);
    }
  };
  const offChange = model.onChange((upstream) => {
    if (only !== undefined && upstream !== only) return;
    untold.add(upstream);
    tell();
  });
  const offDrain = outlet.onDrain(tell);
  tell();
  return () => {
    offChange();
    offDrain();
    untold.clear();
  };
}
